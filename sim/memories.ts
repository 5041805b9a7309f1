/**
 * Memories: what an owner knows to be in the vault, and what a list of snapshots may therefore say.
 *
 * A run that a crash ended may have published or not. What it would add is known by the run that made
 * it; what it would take away is *in doubt*, all of it together, until a later head settles it.
 */

import type { SnapshotRow } from '../protocol/snapshots.ts'
import { StoryError } from './errors.ts'
import type { Memory, Picture, Seen } from './oracle.ts'

/** One run of the backup, however it ended. */
export interface Attempt extends Memory {
  /** Unique among all attempts; in the snapshot's tags, where there are any. */
  readonly tag: string
  /** By the client's clock, ms. */
  readonly startedAt: number
  endedAt: number
  /** The snapshot it could not publish; enough peers may have its head all the same, or soon. */
  unpublished?: number
  readonly pictures: Picture[]
  readonly skipped: Set<string>
  /** Whether it may publish partial snapshots as it goes. */
  readonly hasCheckpoints: boolean
}

export class Memories {
  readonly #attempts: Attempt[] = []
  /** Snapshots that are known to have been published, by sequence. */
  readonly #memories = new Map<number, Memory>()
  /** Those of them that are no more. */
  readonly #gone = new Set<number>()
  /** Those of them that are no more if a run that was cut off has published. */
  #doubtful = new Set<number>()

  get attempts(): number {
    return this.#attempts.length
  }

  begin(attempt: Attempt): void {
    this.#attempts.push(attempt)
  }

  /** Sequences of all that must be there, oldest first. */
  get sequences(): readonly number[] {
    return [...this.#memories.keys()]
      .filter((sequence) => !this.#gone.has(sequence) && !this.#doubtful.has(sequence))
      .toSorted((a, b) => a - b)
  }

  get isInDoubt(): boolean {
    return this.#doubtful.size > 0
  }

  get(sequence: number): Memory {
    const memory = this.#memories.get(sequence)
    if (memory === undefined) throw new StoryError(`nobody remembers snapshot ${sequence}`)
    return memory
  }

  remember(sequence: number, memory: Memory): void {
    if (this.#memories.has(sequence)) throw new StoryError(`snapshot ${sequence} came twice`)
    this.#memories.set(sequence, memory)
  }

  /** These may go now. */
  doubt(sequences: readonly number[]): void {
    this.#doubtful = new Set(sequences)
  }

  /** These have gone. */
  drop(sequences: readonly number[]): void {
    this.#doubtful.clear()
    for (const sequence of sequences) this.#gone.add(sequence)
  }

  /** The vault is again what an earlier head made of it: these are there, and no others. */
  returnTo(sequences: readonly number[]): void {
    this.#doubtful.clear()
    for (const sequence of this.#memories.keys()) {
      if (sequences.includes(sequence)) this.#gone.delete(sequence)
      else this.#gone.add(sequence)
    }
  }

  /**
   * A list of snapshots: everything remembered must be there, nothing forgotten may be. What a crashed
   * run published without living to tell is remembered from now on.
   *
   * @param isSettled - whether nothing is on its way any more, so that the list ends all doubt
   */
  check(rows: readonly SnapshotRow[], isSettled: boolean): void {
    const known = new Set(rows.map(({ sequence }) => sequence))
    for (const sequence of this.#gone) {
      if (known.has(sequence)) throw new StoryError(`snapshot ${sequence} came back`)
    }
    for (const sequence of this.sequences) {
      if (!known.has(sequence)) throw new StoryError(`snapshot ${sequence} is gone`)
    }
    for (const row of rows) {
      if (this.#memories.has(row.sequence)) continue
      const attempt = this.#attemptOf(row)
      if (attempt === undefined) throw new StoryError(`nobody made snapshot ${row.sequence}`)
      if (!row.isFinished && !attempt.hasCheckpoints) {
        throw new StoryError(`snapshot ${row.sequence} is partial, which nobody asked for`)
      }
      this.remember(row.sequence, row.isFinished ? attempt : this.#partOf(attempt))
    }
    this.#settle(known, isSettled)
  }

  /** What a run publishes before its end: some of it is as the run finds it, the rest as earlier runs did. */
  #partOf(attempt: Attempt): Memory {
    const before = this.#attempts.slice(0, this.#attempts.indexOf(attempt))
    const pictures = before.flatMap((one) =>
      one.pictures.map((picture) => movedTo(attempt.root, one.root, picture)),
    )
    return {
      root: attempt.root,
      pictures: [...pictures, ...attempt.pictures],
      skipped: attempt.skipped,
      isPartial: true,
    }
  }

  #settle(known: ReadonlySet<number>, isSettled: boolean): void {
    const there = [...this.#doubtful].filter((sequence) => known.has(sequence))
    if (there.length > 0 && there.length < this.#doubtful.size) {
      throw new StoryError(`of one forget only a part was done: ${there.join(', ')} are there`)
    }
    if (there.length === 0) this.drop([...this.#doubtful])
    else if (isSettled) this.#doubtful.clear()
  }

  #attemptOf({ tags, startedAt, sequence }: SnapshotRow): Attempt | undefined {
    return (
      this.#attempts.find(({ tag }) => tags.includes(tag)) ??
      this.#attempts.findLast((one) => isWithin(one, startedAt)) ??
      this.#attempts.findLast(({ unpublished }) => unpublished === sequence)
    )
  }
}

/** A picture of `from`, as one of `to`; either may be in the other. */
function movedTo(to: string, from: string, picture: Picture): Picture {
  if (to === from) return picture
  const rows = [...picture].flatMap(([path, seen]): [string, Seen][] => {
    const whole = from + path
    return whole === to || whole.startsWith(`${to}/`) ? [[whole.slice(to.length), seen]] : []
  })
  return new Map(rows)
}

/** Whether it ran at that time by the machine's clock, which may have been set back meanwhile. */
function isWithin({ startedAt, endedAt }: Attempt, time: number): boolean {
  const isSetBack = endedAt < startedAt
  return isSetBack ? time >= startedAt || time <= endedAt : startedAt <= time && time <= endedAt
}
