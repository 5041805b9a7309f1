/** What one member can take of a peer, and what that leaves to others. */

import { describe, expect, it } from 'vitest'

import { vaultIdFromBytes } from '../../protocol/ids.ts'
import { deriveVaultKeys, peerIdOf, signingKeyFromSeed } from '../../protocol/keys.ts'
import { packIdToBytes } from '../../protocol/manifest.ts'
import { signStatement, type GridId } from '../../protocol/roster.ts'
import { Allowances, readLimits, STATEMENTS, WORK } from '../../src/peer/allowances.ts'
import { BACKGROUND_RATE, Lanes } from '../../src/peer/lanes.ts'
import { onMachine } from '../support/on-machine.ts'
import { forever, makePack, noise, seedOf, TestGrid } from '../support/test-grid.ts'
import { frame, isBroken, Wire } from '../support/wire.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS

describe('work', () => {
  it('beyond a member’s part waits, beyond that is busy, and others do not notice', async () => {
    await onMachine(async ({ clock }) => {
      const allowances = new Allowances({ clock, held: () => 0 })
      const greedy = peerIdOf(signingKeyFromSeed(seedOf('greedy')).publicKey)
      const modest = peerIdOf(signingKeyFromSeed(seedOf('modest')).publicKey)
      let [taken, busy] = [0, 0]
      const ask = async () => {
        if (await allowances.message(greedy, 8192 * 99, forever)) taken += 1
        else busy += 1
      }
      const from = clock.monotonic()
      await Promise.all(Array.from({ length: 1000 }, ask))
      // A burst at once and what comes in the longest wait.
      expect(taken).toBe((WORK.burst + WORK.rate * 20) / 100)
      expect(busy).toBe(1000 - taken)
      expect(clock.monotonic() - from).toBeLessThan(21 * SECOND_MS)
      const before = clock.monotonic()
      expect(await allowances.message(modest, 100, forever)).toBe(true)
      expect(clock.monotonic()).toBe(before)
    })
  })

  it('is forgotten once it is as if nobody had asked', async () => {
    await onMachine(async ({ clock }) => {
      const allowances = new Allowances({ clock, held: () => 0 })
      for (let index = 0; index < 50; index += 1) {
        const peer = peerIdOf(signingKeyFromSeed(seedOf(`member ${index}`)).publicKey)
        await allowances.message(peer, 100, forever)
        await clock.sleep(MINUTE_MS)
      }
      expect(allowances.size).toBeLessThanOrEqual(2)
    })
  })
})

describe('reads', () => {
  it('go first for what a vault keeps here, twice a day, and after that only behind others', () => {
    expect(readLimits('device', 0).burst).toBe(2 ** 20)
    expect(readLimits('device', 1e9).burst).toBe(2e9 + 2 ** 20)
    expect(readLimits('recovery', 1e9).burst).toBe(2e9 + 2 ** 20)
    expect(readLimits('peer', 1e9).burst).toBe(2 ** 24)
  })

  it('in the background are as fast as any while nobody else reads', async () => {
    await onMachine(async ({ clock }) => {
      const lanes = new Lanes(clock)
      const from = clock.monotonic()
      for (let count = 0; count < 100; count += 1) await lanes.begin('background', forever)
      expect(clock.monotonic()).toBe(from)
    })
  })

  it('in the background take a little, all of them together, while somebody reads in the foreground', async () => {
    await onMachine(async ({ clock }) => {
      const lanes = new Lanes(clock)
      const isOver = new AbortController()
      let frames = 0
      const behind = async () => {
        while (!isOver.signal.aborted) {
          await lanes.begin('background', forever)
          frames += 1
          await clock.sleep(1)
        }
      }
      await lanes.begin('foreground', forever)
      const all = Array.from({ length: 8 }, behind)
      for (let ms = 0; ms < MINUTE_MS; ms += 100) {
        await lanes.begin('foreground', forever)
        await clock.sleep(100)
      }
      const most = (60 * BACKGROUND_RATE) / (256 * 1024)
      expect(frames).toBeGreaterThan(most / 2)
      expect(frames).toBeLessThanOrEqual(most + 2)
      isOver.abort()
      await Promise.all(all)
    })
  })

  it('of the same block for ever slow nobody who restores', async () => {
    const withHostile = await restoreMs('block')
    expect(withHostile / (await restoreMs())).toBeLessThan(1.4)
  })

  it('of long lists for ever slow nobody who restores', async () => {
    const withHostile = await restoreMs('list')
    expect(withHostile / (await restoreMs())).toBeLessThan(1.4)
  })
})

describe('statements', () => {
  it('that are news are verified so many an hour for one member, and the rest another time', async () => {
    const test = new TestGrid({ peers: 1 })
    const flooder = signingKeyFromSeed(seedOf('flooder'))
    test.admit(peerIdOf(flooder.publicKey), 'peer')
    await test.tell(async () => {
      const [wire, peer] = [new Wire(test), test.peers[0]!]
      let looked = 0
      const merge = peer.node.roster.merge.bind(peer.node.roster)
      peer.node.roster.merge = (statements) => {
        looked += statements.length
        return merge(statements)
      }
      const session = await wire.session(flooder)
      for (let round = 0; round < 8; round += 1) {
        const junk = Array.from({ length: 500 }, (_, index) => noise(100, round * 1000 + index))
        await session.roster(junk, forever)
      }
      expect(looked).toBe(STATEMENTS.burst)
      // Somebody else is heard.
      const issuer = peerIdOf(test.device.publicKey)
      const common = { version: 1, grid: test.id, issuer, subject: issuer } as const
      const own = signStatement(
        { ...common, type: 'addresses', addresses: ['/ip4/10.1.1.1/tcp/1'], issuedAt: 5 },
        test.device,
      )
      const other = await wire.session()
      await other.roster([own], forever)
      expect(peer.node.roster.addresses(issuer)).toEqual(['/ip4/10.1.1.1/tcp/1'])
    })
  })
})

/** How long a client takes to read 12 MB from one peer with a thin line, alone or beside somebody greedy. */
async function restoreMs(greedyFor?: 'block' | 'list'): Promise<number> {
  const test = new TestGrid({ peers: 1 })
  const pack = makePack(24_000_000, { needed: 2, total: 3, leafSize: 16_384 })
  const theirs = makePack(1_000_000, { needed: 2, total: 3, leafSize: 16_384 }, 2)
  const greedy = signingKeyFromSeed(seedOf('greedy'))
  const keys = deriveVaultKeys(seedOf('a greedy vault'))
  const vault = vaultIdFromBytes(keys.vaultKey.publicKey)
  test.admit(peerIdOf(greedy.publicKey), 'device', { vault })
  test.world.internet.line('peer-0').upload = 1_000_000
  let ms = 0
  await test.tell(async () => {
    const { clock } = test.laptop.ports
    const wire = new Wire(test)
    const session = await wire.session()
    const put = { vault: test.vault, manifest: pack.manifestBytes, shareNumber: 0 }
    await session.put({ ...put, piece: pack.pieces[0]! }, forever)
    const other = await wire.session(greedy)
    const piece = theirs.pieces[0]!
    await other.put({ vault, manifest: theirs.manifestBytes, shareNumber: 0, piece }, forever)
    if (greedyFor !== undefined) {
      const block = { pack: packIdToBytes(theirs.id), shareNumber: 0, first: 0, count: 16 }
      const request =
        greedyFor === 'block'
          ? frame({ type: 'read', ...block })
          : frame({ type: 'roster', statements: [] })
      await test.peers[0]!.node.roster.merge(strangers(test.id, 300))
      for (let count = 0; count < 15; count += 1) {
        void readForEver(await wire.dial(greedy), request)
      }
      await clock.sleep(10 * SECOND_MS)
    }
    const from = clock.monotonic()
    const lane = async (start: number) => {
      for (let first = start; first + 16 <= 732; first += 64) {
        const range = { pack: pack.id, shareNumber: 0, first, count: 16, size: 16 * 16_384 }
        await session.read(range, forever)
      }
    }
    await Promise.all([0, 16, 32, 48].map(lane))
    ms = clock.monotonic() - from
  })
  return ms
}

/** What somebody says who is nobody's friend: together more than one message carries. */
function strangers(grid: GridId, count: number): Uint8Array[] {
  const addresses = Array.from({ length: 16 }, (_, index) => `/${index}`.padEnd(256, '-'))
  return Array.from({ length: count }, (_, index) => {
    const key = signingKeyFromSeed(seedOf(`stranger ${index}`))
    const subject = peerIdOf(key.publicKey)
    const own = { version: 1, grid, type: 'addresses', subject, issuer: subject } as const
    return signStatement({ ...own, issuedAt: 1, addresses }, key)
  })
}

async function readForEver(
  stream: Awaited<ReturnType<Wire['dial']>>,
  request: Uint8Array,
): Promise<void> {
  void isBroken(stream)
  try {
    for (;;) await stream.write(request)
  } catch {
    // It was told to stop.
  }
}
