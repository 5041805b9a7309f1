/**
 * Cost: what the laptop sends for a backup, against what a person changed.
 *
 * Counted from outside: bytes that its programs hand to their streams in a run, and bytes of files that differ from the run
 * that was published before, whatever the client says of either. The bound is docs/simulation.md's:
 *
 *     sent ≤ expansion × 1.25 × changed + (24 kB + 80 bytes × packs) × friends + 1 kB × paths
 *
 * with the widest expansion n / k that so many friends may lead to, and twice that where a line was cut during the run: what
 * was under way there is sent again. Files count whole where a byte of them or their path changed, though deltas
 * and moves send less, so this finds a client that sends again what did not change, and not one whose deltas got worse.
 * Of a file that was changed while a run went on nobody outside knows which state was taken, so the next run that has it may
 * send it again. Runs that do more than back up are passed over: those that rebuilt or repaired, and the first after a run that
 * did not publish (a forget too), left shares without a place, met a person at work, crashed (a rebuild or forget too), or
 * began with another state of the client.
 */

import { codeFor } from '../src/grid/code.ts'
import type { BackupSummary } from '../src/node/client.ts'
import { StoryError } from './errors.ts'
import type { Memory, Seen } from './oracle.ts'
import type { World } from './world.ts'

/** Seals, padding of packs, Merkle nodes and frames. */
const WASTE = 1.25

/** Of a run that changes nothing, at each friend: tree, ledger, root and head; questions and news. */
const OVERHEAD_PER_FRIEND = 24_000
/** Each friend is asked who holds what once a day, and told what a new head needs: the names of all packs. */
const OVERHEAD_PER_PACK = 80
/** Of each file and folder of the snapshot, of which the tree may be written anew. */
const OVERHEAD_PER_PATH = 1_000

/** A file as it was backed up. */
interface Known {
  readonly seen: Seen
  /** The client may know it from the grid alone, without a digest: once its times change it is sent again. */
  readonly isLost: boolean
}

export interface CostParts {
  readonly friends: () => number
  /** The machine that the owner's client runs on. */
  readonly host: () => string
  /** That friends hold shares of. */
  readonly packs: () => number
  /** Told of each run that was held against the bound. */
  readonly onBound?: () => void
}

export class Cost {
  /** What the published runs backed up, by absolute path; without files that were changed meanwhile. */
  readonly #known = new Map<string, Known>()
  /** Whether all that was to be sent before has its place. */
  #isEven = false
  readonly #world: World
  readonly #parts: CostParts
  #sent = 0
  #sentBefore = 0
  #isDisturbed = false
  #readsAll = false
  /** Runs that were held against the bound. */
  runs = 0
  /** The largest part of the bound that was used. */
  most = 0

  constructor(world: World, parts: CostParts) {
    this.#world = world
    this.#parts = parts
    world.internet.overhear((from, _to, bytes) => {
      if (from === parts.host()) this.#sent += bytes.length
    })
  }

  /** @param readsAll - whether the run reads every file, so that those without a digest are sent again */
  begin(readsAll = false): void {
    this.#readsAll = readsAll
    this.#sentBefore = this.#sent
    this.#isDisturbed = this.#world.internet.isCut
  }

  /** Something is wrong with a line just now: what is under way there may be sent again. */
  disturb(): void {
    this.#isDisturbed = true
  }

  /** Something waits to be sent with the next run. */
  owe(): void {
    this.#isEven = false
  }

  /** What was sent so far is of no account for the next run, and what the client knew may be lost. */
  lose(): void {
    this.owe()
    for (const [path, { seen }] of this.#known) this.#known.set(path, { seen, isLost: true })
  }

  /**
   * A run is over.
   *
   * @param memory - what it published; undefined if it did not
   * @throws {StoryError} it sent more than the bound
   */
  end(summary: BackupSummary | undefined, memory: Memory | undefined): void {
    const sent = this.#sent - this.#sentBefore
    const wasEven = this.#isEven
    this.#isEven = summary?.settling === 0 && memory?.pictures.length === 1
    if (summary === undefined || memory === undefined) return
    const changed = this.#note(memory)
    if (!wasEven || summary.rebuilt > 0 || summary.repaired > 0) return
    const times = this.#isDisturbed ? 2 : 1
    const paths = memory.pictures[0]?.size ?? 0
    const { friends, packs } = this.#parts
    const bound = times * boundOf({ changed, paths, packs: packs(), friends: friends() })
    this.runs += 1
    this.#parts.onBound?.()
    this.most = Math.max(this.most, sent / bound)
    if (sent > bound) {
      throw new StoryError(`a backup of ${changed} changed bytes sent ${sent}, of ${bound} allowed`)
    }
  }

  /** @returns bytes of files that are not as the run before had them */
  #note({ root, pictures }: Memory): number {
    let changed = 0
    for (const picture of pictures) {
      for (const [path, seen] of picture) {
        const { seen: before, isLost = false } = this.#known.get(root + path) ?? {}
        const isSame = before?.content === seen.content
        const isTouched = this.#readsAll || before?.attributes !== seen.attributes
        if (isSame && !(isLost && isTouched)) continue
        this.#known.set(root + path, { seen, isLost: false })
        changed += seen.size
      }
    }
    for (const path of this.#known.keys()) {
      if (!path.startsWith(root)) continue
      const [first, ...others] = pictures.map((one) => one.get(path.slice(root.length))?.content)
      if (first === undefined || others.some((one) => one !== first)) this.#known.delete(path)
    }
    return changed
  }
}

export function boundOf(of: {
  readonly changed: number
  readonly paths: number
  readonly packs: number
  readonly friends: number
}): number {
  const { changed, paths, packs, friends } = of
  const overhead =
    (OVERHEAD_PER_FRIEND + OVERHEAD_PER_PACK * packs) * friends + OVERHEAD_PER_PATH * paths
  return Math.round(expansionOf(friends) * WASTE * changed + overhead)
}

/** n / k for so many friends, or for fewer once some are given up. */
function expansionOf(friends: number): number {
  let widest = 1
  for (let count = 3; count <= friends; count++) {
    const { total, needed } = codeFor(count)
    widest = Math.max(widest, total / needed)
  }
  return widest
}
