/** Real peers and a real grid client in bad weather, before there is any backup on top. */

import { describe, expect, it } from 'vitest'
import { equal } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { openHead } from '../../protocol/head.ts'
import type { PackId } from '../../protocol/manifest.ts'
import type { EncodedPack } from '../../src/codec/encode-pack.ts'
import { CairnError } from '../../src/base/errors.ts'
import type { Grid } from '../../src/grid/grid.ts'
import type { PeerId } from '../../src/ports/network.ts'
import { SimRandom } from '../../sim/random.ts'
import { forever, makePack, TestGrid } from '../support/test-grid.ts'

const SEEDS = 12
const MINUTE_MS = 60_000

type Packed = EncodedPack & { readonly bytes: Uint8Array }

describe('peers in bad weather', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    it(`keep every share and head they acknowledged (seed ${seed})`, async () => {
      let acknowledged = 0
      await new TestGrid({ peers: 5, seed }).tell(async (grid) => {
        acknowledged = await tellStorm(grid, seed)
      })
      expect(acknowledged).toBeGreaterThan(0)
    })
  }

  it('tell the same story twice', async () => {
    const digests = []
    for (let round = 0; round < 2; round++) {
      const grid = new TestGrid({ peers: 5, seed: 3 })
      await grid.tell(async () => {
        await tellStorm(grid, 3)
      })
      digests.push(grid.world.trace.digest())
    }
    expect(digests[0]).toBe(digests[1])
  })
})

/** @returns how many shares and heads were acknowledged, and are still there in the end */
async function tellStorm(grid: TestGrid, seed: number): Promise<number> {
  const { world } = grid
  const random = new SimRandom(seed).fork('storm')
  const storm = new Storm(grid, random)
  const client = await grid.client()
  const held = new Map<PackId, { pack: Packed; holders: ReadonlyMap<number, PeerId> }>()
  const heads = new Map<number, readonly PeerId[]>()
  let previous: Uint8Array | undefined

  for (let round = 1; round <= 6; round++) {
    const pack = makePack(random.between(1, 200_000), { needed: 2, total: 4 }, random.u32())
    storm.strike()
    const { holders } = await client.place(pack, grid.vault, new Map(), forever)
    held.set(pack.id, { pack, holders })
    storm.strike()
    const head = grid.head(round, previous === undefined ? {} : { previous })
    previous = sha256(head)
    const { receipts } = await client.publish(head, forever)
    heads.set(
      round,
      receipts.map(({ peer }) => peer),
    )
    await checkReads(client, pack, holders.size === 4 && storm.isOver)
    await world.scheduler.sleep(random.exponential(5 * MINUTE_MS))
  }

  await storm.calm()
  const found = await client.have([...held.keys()], forever)
  for (const [id, { pack, holders }] of held) {
    for (const [share, peer] of holders) {
      expect(found.get(id)?.holders.get(share), `share ${share}`).toContain(peer)
    }
    await checkReads(client, pack, holders.size >= 2)
  }
  const { answers } = await client.heads(grid.vault, forever, { all: true })
  for (const [sequence, peers] of heads) {
    for (const peer of peers) {
      const kept = answers.find((answer) => answer.peer === peer)?.heads ?? []
      expect(kept.some(({ head }) => openHead(head).sequence === sequence)).toBe(true)
    }
  }
  const shares = [...held.values()].reduce((sum, { holders }) => sum + holders.size, 0)
  return shares + [...heads.values()].flat().length
}

/** What is read is right; where it must be there, it is. */
async function checkReads(client: Grid, pack: Packed, isSure: boolean): Promise<void> {
  try {
    const location = (await client.have([pack.id], forever)).get(pack.id)
    if (location === undefined) {
      expect(isSure).toBe(false)
      return
    }
    const bytes = await client.read(location, 0, pack.bytes.length, forever)
    expect(equal(bytes, pack.bytes)).toBe(true)
  } catch (error) {
    if (isSure || !(error instanceof CairnError)) throw error
  }
}

class Storm {
  readonly #grid: TestGrid
  readonly #random: SimRandom
  #pending = 0

  constructor(grid: TestGrid, random: SimRandom) {
    this.#grid = grid
    this.#random = random
  }

  get isOver(): boolean {
    return this.#pending === 0
  }

  /** One to three strokes of bad luck in the coming seconds. */
  strike(): void {
    const { scheduler, internet } = this.#grid.world
    for (let count = this.#random.between(1, 3); count > 0; count--) {
      const peer = this.#random.pick(this.#grid.peers)
      const { machine } = peer
      const kind = this.#random.weighted({ power: 3, kill: 1, split: 1, disturb: 2 })
      this.#pending++
      scheduler.after(this.#random.exponential(400), () => {
        if (kind === 'disturb') internet.disturb('laptop', machine.name)
        if (kind === 'split') internet.split([machine.name])
        if (kind === 'power' || kind === 'kill') machine.crash(kind)
        scheduler.after(this.#random.exponential(MINUTE_MS), () => {
          this.#pending--
          if (kind === 'split') internet.heal()
          if (!machine.isUp) this.#boot(peer)
        })
      })
    }
  }

  async calm(): Promise<void> {
    const { scheduler, internet } = this.#grid.world
    while (!this.isOver) await scheduler.sleep(MINUTE_MS)
    internet.heal()
    await scheduler.sleep(10 * MINUTE_MS)
  }

  #boot(peer: TestGrid['peers'][number]): void {
    peer.machine.boot()
    // It may crash again before it is up; whatever else it dies of, the checks will miss it.
    peer.restart().catch(() => undefined)
  }
}
