/**
 * How long a check takes: ten peers with libp2p on loopback, whose accounts say that they hold the shares, and
 * a client that asks them all and judges every pack. Peers and client are one process, so that its
 * processor time is everybody's.
 *
 *     node --disable-warning=ExperimentalWarning bench/check.ts [shares]
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { sha256 } from '../protocol/hash.ts'
import { vaultIdFromBytes } from '../protocol/ids.ts'
import { peerIdOf, signingKeyFromSeed } from '../protocol/keys.ts'
import { packIdFromBytes, packIdToBytes, packId } from '../protocol/manifest.ts'
import { signStatement } from '../protocol/roster.ts'
import { utf8 } from '../protocol/bytes.ts'
import { createNetwork } from '../src/adapters/libp2p-network.ts'
import { NodeClock } from '../src/adapters/node-clock.ts'
import { NodeDisk } from '../src/adapters/node-disk.ts'
import { NodeRandom } from '../src/adapters/node-random.ts'
import { openDatabase } from '../src/adapters/open-database.ts'
import { PinoLog } from '../src/adapters/pino-log.ts'
import { Grid } from '../src/grid/grid.ts'
import { RosterBook } from '../src/grid/roster-book.ts'
import { foundGrid } from '../src/node/found-grid.ts'
import { startPeer } from '../src/node/peer-node.ts'
import { checkPacks } from '../src/repair/check-packs.ts'
import { ClientHolderBook, ClientPackList } from '../src/repair/client-packs.ts'
import { countVerdicts } from '../src/repair/health-record.ts'
import { LookoutFriends } from '../src/repair/friends.ts'
import { Lookout } from '../src/repair/lookout.ts'
import { BadShares } from '../src/store/bad-shares.ts'
import { inTransaction, prepareDatabase } from '../src/store/database.ts'
import { Packs } from '../src/store/packs.ts'
import { PeerRecords } from '../src/store/peer-records.ts'
import { Published } from '../src/store/published.ts'
import { Settings } from '../src/store/settings.ts'

const PEERS = 10
const TOTAL = PEERS
const NEEDED = 4
const PACK_SIZE = 16 * 1024 * 1024

const shareCount = Number(process.argv[2] ?? 100_000)
const packCount = Math.ceil(shareCount / TOTAL)
const folder = mkdtempSync(join(tmpdir(), 'cairn-check-'))
const controller = new AbortController()
const clock = new NodeClock()
const log = new PinoLog({ level: 'error' })
const random = new NodeRandom()
const keyOf = (name: string) => signingKeyFromSeed(sha256(utf8(name)))
const vault = vaultIdFromBytes(keyOf('a vault').publicKey)
const device = keyOf('a device')

try {
  await main()
} finally {
  controller.abort()
  rmSync(folder, { recursive: true, force: true })
  process.exit()
}

async function main(): Promise<void> {
  const ids = makeIds()
  const keys = Array.from({ length: PEERS }, (_, index) => keyOf(`peer ${index}`))
  const networks = await Promise.all(
    keys.map((key) => createNetwork({ seed: key.seed, listen: ['/ip4/127.0.0.1/tcp/0'] })),
  )
  const founded = foundGrid(
    keys.map((key, index) => ({ key, addresses: networks[index]!.addresses() })),
    Date.now(),
  )
  const statements = [...founded.statements, admit(founded.grid, keys[0]!)]
  for (const [index, key] of keys.entries()) {
    const root = join(folder, `peer-${index}`)
    const disk = await NodeDisk.open(root)
    const database = openDatabase(join(root, 'accounts.db'))
    const ports = { network: networks[index]!, disk, database, clock, random, log }
    const options = { key, grid: founded.grid, statements, capacity: 2 ** 40, reserve: 0 }
    await startPeer(ports, options, controller.signal)
    const insert = database.prepare(
      `INSERT INTO shares (pack, share, vault, size, received_at, adopted_by, kept_by)
         VALUES (?, ?, ?, ?, 0, 1, 1)`,
    )
    inTransaction(database, () => {
      for (const id of ids) insert.run(id, index, vault, PACK_SIZE / NEEDED)
    })
  }

  const database = openDatabase(join(folder, 'backupdb'))
  prepareDatabase(database)
  const packs = new Packs(database)
  inTransaction(database, () => {
    const holders = new Map(keys.map((key, share) => [share, peerIdOf(key.publicKey)]))
    for (const [index, id] of ids.entries()) {
      const row = { number: index + 1, id, base: 0, extents: undefined, isPublished: true }
      const shape = { size: PACK_SIZE, needed: NEEDED, total: TOTAL }
      packs.put({ ...row, ...shape, kind: 'data', state: 'complete' })
      packs.setHolders(index + 1, holders)
    }
  })
  const roster = new RosterBook({
    grid: founded.grid,
    clock,
    statements,
    save: async () => undefined,
  })
  const lookout = new Lookout({
    clock,
    log,
    records: new PeerRecords(database),
    presence: (peer) => roster.member(peer) ?? {},
  })
  const network = await createNetwork({ seed: device.seed, listen: [] })
  const grid = new Grid({ network, clock, log, roster, ...lookout.gridParts })
  const settings = new Settings(database)
  const published = new Published(
    settings,
    await NodeDisk.open(join(folder, 'home')),
    sha256(utf8('')),
  )
  const stores = { database, packs, published, settings }
  const spool = { retire: async () => undefined }
  const parts = {
    grid,
    list: new ClientPackList(stores),
    friends: new LookoutFriends(lookout, roster),
    bad: new BadShares(database, clock),
    book: new ClientHolderBook({ ...stores, spool, grid, clock, vault }),
  }

  for (let run = 1; run <= 3; run += 1) {
    const [began, cpu] = [performance.now(), process.cpuUsage()]
    const checked = await checkPacks(parts, {}, controller.signal)
    const seconds = (performance.now() - began) / 1000
    const { user, system } = process.cpuUsage(cpu)
    const shares = checked.packs.reduce((sum, { readable }) => sum + readable.size, 0)
    const { whole } = countVerdicts(checked.packs)
    console.log(
      `run ${run}: ${shares} shares found of ${checked.packs.length} packs at ` +
        `${checked.look.answered.length} peers, ${whole} whole: ${seconds.toFixed(2)} s, ` +
        `${((user + system) / 1e6).toFixed(2)} s of processor time, peers included`,
    )
  }
}

function makeIds() {
  const first = packIdToBytes(packId(utf8('a pack')))
  return Array.from({ length: packCount }, (_, index) => {
    const bytes = first.slice()
    bytes.set(sha256(utf8(`pack ${index}`)), 4)
    return packIdFromBytes(bytes)
  })
}

function admit(grid: ReturnType<typeof foundGrid>['grid'], founder: typeof device): Uint8Array {
  const subject = peerIdOf(device.publicKey)
  const issuer = peerIdOf(founder.publicKey)
  const about = { type: 'admit', role: 'device', subject, issuer, issuedAt: Date.now() } as const
  return signStatement({ version: 1, grid, vault, ...about }, founder)
}
