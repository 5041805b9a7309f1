/**
 * Second look: shares that were found bad and that their friends go on saying they hold are read once more.
 *
 * A line that was slow for an hour, or a lid that was closed here, makes good shares look bad; and who has a bad
 * share of a pack takes no other of it. So where a pack is not safe, or misses shares that nobody else would take,
 * what trusted friends say they hold of it is read in full. What is right counts again; what is not waits for a week.
 */

import { leafCount, pieceSize } from '../../protocol/manifest.ts'
import { READ_SIZE_MAX } from '../../protocol/messages.ts'
import { mapPool } from '../base/pool.ts'
import { ASK_WIDTH, troubleAtPeer } from '../grid/ask-all.ts'
import type { PackLocation } from '../grid/grid.ts'
import { mayTakeShares } from '../grid/standing.ts'
import type { CheckedPacks } from './check-packs.ts'
import { judgePack, margin, type PackHealth, type Verdict } from './pack-health.ts'
import type { FoundBad, Held, RepairParts } from './repair-parts.ts'

/** A share that was bad is not read again before. */
export const LOOK_AGAIN_MS = 7 * 86_400_000

const SAFE: ReadonlySet<Verdict> = new Set(['whole', 'settling', 'thin'])

/** Packs whose manifests are asked for in one go. */
const LOCATE_COUNT = 64

export interface SecondLookOptions {
  /** Whether what was found bad of late has its rest. */
  readonly isPatient: boolean
  /** Bytes from peers, at most. */
  readonly budget: number
}

type LookParts = Pick<RepairParts, 'grid' | 'bad' | 'clock' | 'log'>

/** @returns the same packs, with what was read and is right; the most endangered had their turn first */
export async function lookAgain(
  parts: LookParts,
  checked: CheckedPacks,
  options: SecondLookOptions,
  signal: AbortSignal,
): Promise<{ readonly checked: CheckedPacks; readonly bytesRead: number }> {
  const look = new SecondLook(parts, checked, options, signal)
  return { checked: { ...checked, packs: await look.run() }, bytesRead: look.bytesRead }
}

class SecondLook {
  readonly #parts: LookParts
  readonly #checked: CheckedPacks
  readonly #options: SecondLookOptions
  readonly #signal: AbortSignal
  readonly #doubted: ReadonlyMap<string, readonly FoundBad[]>
  bytesRead = 0

  constructor(
    parts: LookParts,
    checked: CheckedPacks,
    options: SecondLookOptions,
    signal: AbortSignal,
  ) {
    this.#parts = parts
    this.#checked = checked
    this.#options = options
    this.#signal = signal
    const due = parts.bad.all().filter((held) => this.#isDue(held))
    this.#doubted = Map.groupBy(due, ({ pack }) => pack)
  }

  async run(): Promise<readonly PackHealth[]> {
    const { packs } = this.#checked
    const wanting = packs
      .filter((health) => this.#sharesOf(health).length > 0)
      .toSorted((a, b) => margin(a) - margin(b))
    const mended = new Map<string, PackHealth>()
    for (let from = 0; from < wanting.length; from += LOCATE_COUNT) {
      const some = wanting.slice(from, from + LOCATE_COUNT)
      const located = await this.#parts.grid.have(
        some.map(({ pack }) => pack.id),
        this.#signal,
      )
      for (const health of some) {
        const location = located.get(health.pack.id)
        if (location !== undefined) mended.set(health.pack.id, await this.#one(health, location))
      }
    }
    return packs.map((health) => mended.get(health.pack.id) ?? health)
  }

  /** Where a clock was set back, what was found in the future is due as well. */
  #isDue({ peer, foundAt }: FoundBad): boolean {
    const facts = this.#checked.friends.get(peer)
    if (facts === undefined || !facts.isHere || !mayTakeShares(facts.standing)) return false
    const age = this.#parts.clock.now() - foundAt
    return !this.#options.isPatient || age >= LOOK_AGAIN_MS || age < 0
  }

  /**
   * What was found bad of a pack and is missing, where nobody else would take it; of one that is not safe all that
   * was found bad, for a share that another has as well may lie under another roof.
   */
  #sharesOf({ pack, verdict, missing, takers }: PackHealth): readonly Held[] {
    const doubted = this.#doubted.get(pack.id) ?? []
    if (!SAFE.has(verdict)) return doubted
    if (missing.length <= takers.length) return []
    return doubted.filter(({ shareNumber }) => missing.includes(shareNumber))
  }

  async #one(health: PackHealth, location: PackLocation): Promise<PackHealth> {
    const right: Held[] = []
    await mapPool(
      this.#sharesOf(health),
      ASK_WIDTH,
      async (held, within) => {
        if (this.bytesRead + pieceSize(health.pack.shape) > this.#options.budget) return
        if (await this.#isRight(held, location, within)) right.push(held)
      },
      this.#signal,
    )
    if (right.length === 0) return health
    const holders = new Map(health.held.holders)
    for (const { shareNumber, peer } of right) {
      holders.set(shareNumber, [...(holders.get(shareNumber) ?? []), { peer, isSeen: true }])
    }
    const { friends } = this.#checked
    const barred = this.#parts.bad.peersOf(health.pack.id)
    return judgePack(health.pack, { holders, barred }, friends)
  }

  /** That it is bad was held against the friend when it was found: not again. */
  async #isRight(held: Held, location: PackLocation, signal: AbortSignal): Promise<boolean> {
    const { grid, bad, log } = this.#parts
    const { pack, shareNumber, peer } = held
    const { manifest } = location
    const leaves = leafCount(manifest)
    const countMax = READ_SIZE_MAX / manifest.leafSize
    try {
      grid.shares.forgive(peer)
      for (let first = 0; first < leaves; first += countMax) {
        const run = { first, count: Math.min(countMax, leaves - first) }
        const bytes = await grid.shares.read(peer, location, { shareNumber, run }, signal)
        this.bytesRead += bytes.length
      }
      bad.clear(held)
      log.info('a share that was bad is right', { pack, share: shareNumber, peer })
      return true
    } catch (error) {
      const { message } = troubleAtPeer(error, signal)
      bad.note(held)
      log.info('a share is still bad', { pack, share: shareNumber, peer, why: message })
      return false
    }
  }
}
