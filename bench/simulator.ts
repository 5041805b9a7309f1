/**
 * How many small requests a simulated grid answers in a second of processor time: ten friends who ask each
 * other for heads, for who holds a pack, and for a block that they verify. Both sides, the wire and the
 * handlers are the product's own; network and clock are simulated.
 *
 *     node --disable-warning=ExperimentalWarning bench/simulator.ts [requests of each kind]
 */

import process from 'node:process'
import { vaultIdFromBytes } from '../protocol/ids.ts'
import { deriveVaultKeys } from '../protocol/keys.ts'
import { decodeManifest, type Manifest, type PackId } from '../protocol/manifest.ts'
import { wordsToRoot } from '../protocol/words.ts'
import { PeerSession } from '../src/grid/peer-session.ts'
import { readRun } from '../src/grid/read-pack.ts'
import { Friends } from '../sim/grid.ts'
import { Owner } from '../sim/owner.ts'
import { World } from '../sim/world.ts'

const NAMES = 'ann bea cem dora emil fay gus hana ivo jan'.split(' ')
const MINUTE_MS = 60_000

/** Who asks more gets `busy`: virtual time between the questions of one to another. */
const PAUSE_MS = 30

const count = Number(process.argv[2] ?? 30_000)
const signal = new AbortController().signal
const world = new World(1)
const friends = new Friends(world, NAMES, () => ({ line: { latencyMs: 2 } }))
const owner = new Owner(world, world.addMachine('laptop'))

/** A share that somebody holds. */
interface Held {
  readonly id: PackId
  readonly manifest: Manifest
  readonly share: number
  readonly holder: number
}

await world.run(async () => {
  friends.startAll()
  await world.scheduler.sleep(MINUTE_MS)
  await owner.init()
  await owner.join(friends.invite)
  owner.person.edits(20)
  await owner.backUp(false)
  const vault = vaultIdFromBytes(deriveVaultKeys(wordsToRoot(owner.words)).vaultKey.publicKey)
  const held = await findShares()
  for (let run = 1; run <= 2; run += 1) {
    await measure(run, 'heads', (session) => session.heads(vault, { all: false }, signal))
    await measure(run, 'have', (session) =>
      session.have([held[0]!.id], { manifests: false }, signal),
    )
    const holders = new Map(held.map((one) => [one.holder, one]))
    const readOne = (session: PeerSession, holder: number) => {
      const { id, manifest, share } = holders.get(holder)!
      return readRun(session, { id, manifest }, share, { first: 0, count: 1 }, signal)
    }
    await measure(run, 'a verified block', readOne, (other) => holders.has(other))
  }
})

/** One share for each friend that holds any. */
async function findShares(): Promise<Held[]> {
  const { packs } = await owner.ask((client, within) => client.check({}, within))
  const found: Held[] = []
  for (const { pack, held } of packs) {
    const [, [first] = []] = [...held.holders][0] ?? []
    if (first === undefined) continue
    const index = friends.all.findIndex((friend) => friends.peerOf(friend) === first.peer)
    const { manifests } = await sessionOf(0, index).have([pack.id], { manifests: true }, signal)
    const [bytes] = manifests
    if (bytes === undefined || bytes === null) continue
    const manifest = decodeManifest(bytes)
    for (const [share, holdings] of held.holders) {
      for (const { peer } of holdings) {
        const holder = friends.all.findIndex((friend) => friends.peerOf(friend) === peer)
        found.push({ id: pack.id, manifest, share, holder })
      }
    }
  }
  return found
}

async function measure(
  run: number,
  what: string,
  ask: (session: PeerSession, holder: number) => Promise<unknown>,
  canAnswer: (other: number) => boolean = () => true,
): Promise<void> {
  const before = process.cpuUsage()
  let left = count
  const talk = async (asker: number, other: number): Promise<void> => {
    const session = sessionOf(asker, other)
    while (left-- > 0) {
      await ask(session, other)
      await world.scheduler.sleep(PAUSE_MS)
    }
    session.close()
  }
  const pairs = NAMES.flatMap((_, a) => NAMES.map((__, b) => [a, b] as const))
  const asked = pairs.filter(([asker, other]) => asker !== other && canAnswer(other))
  await Promise.all(asked.map(([asker, other]) => talk(asker, other)))
  const { user, system } = process.cpuUsage(before)
  const seconds = (user + system) / 1e6
  console.log(
    `run ${run}: ${count} × ${what}: ${seconds.toFixed(2)} s of processor time, both sides: ` +
      `${Math.round(count / seconds)} a second`,
  )
}

function sessionOf(asker: number, other: number): PeerSession {
  const [from, to] = [friends.all[asker]!, friends.all[other]!]
  return new PeerSession(friends.peerOf(to), {
    network: from.node!.network,
    clock: from.machine.clock,
    addresses: () => [to.machine.address!],
  })
}
