/**
 * The follower: backs up what changed a while after it changed, and everything now and then.
 *
 * A watcher only hints (src/ports/watching.ts), so its word is never taken for the whole: all is walked at the
 * start, every day, whenever the watcher lost something, and after anything that went wrong. In between only the
 * folders that it named are looked at, once they were quiet for a while.
 */

import { toHex } from '../../protocol/bytes.ts'
import { linkSignals, orAbort } from '../base/abort.ts'
import { CairnError, LockedError, UsageError } from '../base/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { PathBytes } from '../ports/files.ts'
import type { ScanHint } from '../ports/scan.ts'
import type { Watched, Watching, WatchRequest } from '../ports/watching.ts'
import type { BackupSummary, Hints } from './client-types.ts'

/** More folders than this are as quickly walked with all others. */
const HINTS_MAX = 10_000

/** Where not everything is watched, all is walked so often, ms. */
const WALK_MS_UNWATCHED = 3_600_000

/** A folder that is never quiet is backed up after so many quiet times all the same. */
const QUIET_TIMES_MAX = 10

/** After a failure, ms: doubled each time up to the last. */
const RETRY_MS_MIN = 60_000
const RETRY_MS_MAX = 3_600_000

/** Wall time is looked at so often, ms: no timer runs while a laptop sleeps. */
const LOOK_MS = 60_000

export interface FollowerOptions {
  /** How long nothing may change before what did is backed up, ms. */
  readonly quietMs: number
  /** How often all is walked, ms. */
  readonly walkMs: number
}

/** What a backup came to. */
export interface Followed {
  /** Of the snapshot; undefined if it is not safe yet, and so not published. */
  readonly sequence: number | undefined
  /** Could not be read: looked at again next time. */
  readonly skipped: readonly PathBytes[]
}

/** @returns what a backup came to */
export function followed({ published, sequence, skipped }: BackupSummary): Followed {
  return {
    sequence: published ? sequence : undefined,
    skipped: skipped.map(({ path }) => path),
  }
}

export interface FollowerParts {
  readonly clock: Clock
  readonly watching: Watching
  /** Back up all of these roots. */
  readonly walk: (roots: readonly PathBytes[], signal: AbortSignal) => Promise<Followed>
  /** Back up what changed in some folders. */
  readonly look: (
    roots: readonly PathBytes[],
    hints: Hints,
    signal: AbortSignal,
  ) => Promise<Followed | 'unchanged' | 'stale'>
  readonly onEvent: (event: FollowerEvent) => void
}

export type FollowerEvent =
  | Exclude<Watched, { type: 'hint' }>
  /** All that is known to have changed is in a snapshot. */
  | { readonly type: 'idle' }
  | { readonly type: 'failed'; readonly error: CairnError; readonly retryMs: number }

export class Follower {
  readonly #parts: FollowerParts
  readonly #options: FollowerOptions
  readonly #hints = new Map<string, ScanHint>()
  #firstHintAt = 0
  #lastHintAt = 0
  /** Looked at beside others: of itself it is no reason to look. */
  #again: readonly ScanHint[] = []
  /** Roots that are not there. */
  readonly #away = new Set<string>()
  #isAllWatched = true
  /** All is to be walked, for hints do not tell everything. */
  #mustWalk = true
  #walkedAt = { now: 0, monotonic: 0 }
  /** The newest snapshot. */
  #since = 0
  /** Nothing is done before, monotonic ms. */
  #waitUntil = 0
  #retryMs = RETRY_MS_MIN
  #wake = (): void => undefined

  constructor(parts: FollowerParts, options: FollowerOptions) {
    this.#parts = parts
    this.#options = options
  }

  /**
   * Until the signal aborts.
   *
   * @throws the signal's reason
   * @throws {UsageError} what was asked for cannot be, now or later
   */
  async run(request: WatchRequest, signal: AbortSignal): Promise<never> {
    const link = linkSignals(signal)
    const ready = Promise.withResolvers<void>()
    const listening = this.#listen(request, ready.resolve, link.signal)
    const working = ready.promise.then(() => this.#work(request, link.signal))
    try {
      return await Promise.race([listening, working])
    } finally {
      // Whichever ended, the other ends too, and a backup winds down before anybody thinks that it is over.
      link.abort(new Error('nobody follows any more'))
      ready.resolve()
      await Promise.allSettled([listening, working])
    }
  }

  async #listen(request: WatchRequest, onReady: () => void, signal: AbortSignal): Promise<never> {
    for await (const batch of this.#parts.watching.watch(request, signal)) {
      for (const watched of batch) {
        if (watched.type === 'hint') this.#note(watched)
        else this.#noteState(watched)
        if (watched.type === 'ready') onReady()
      }
      this.#wake()
    }
    signal.throwIfAborted()
    throw new Error('the watcher ended by itself')
  }

  #note({ folder, isDeep }: ScanHint): void {
    const now = this.#parts.clock.monotonic()
    if (this.#hints.size === 0) this.#firstHintAt = now
    this.#lastHintAt = now
    this.#keep({ folder, isDeep })
  }

  #keep({ folder, isDeep }: ScanHint): void {
    const key = toHex(folder)
    this.#hints.set(key, { folder, isDeep: isDeep || this.#hints.get(key)?.isDeep === true })
    if (this.#hints.size > HINTS_MAX) this.#mustWalk = true
  }

  #noteState(watched: Exclude<Watched, { type: 'hint' }>): void {
    const { type } = watched
    if (type === 'unwatched') this.#isAllWatched = false
    if (type === 'away') this.#away.add(toHex(watched.root))
    if (type === 'back') this.#away.delete(toHex(watched.root))
    if (type === 'lost' || type === 'away' || type === 'back') {
      this.#mustWalk = true
      // Whatever fills a queue is hardly over yet.
      this.#wait(this.#options.quietMs)
    }
    this.#parts.onEvent(watched)
  }

  async #work({ roots }: WatchRequest, signal: AbortSignal): Promise<never> {
    for (;;) {
      signal.throwIfAborted()
      await this.#due(roots, signal)
      const hints = [...this.#hints.values()]
      // What changes from here on is looked at once more.
      this.#hints.clear()
      try {
        await this.#backUp(this.#present(roots), hints, signal)
        this.#retryMs = RETRY_MS_MIN
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof CairnError) || error instanceof UsageError) throw error
        this.#fail(error, hints)
      }
    }
  }

  #present(roots: readonly PathBytes[]): readonly PathBytes[] {
    return roots.filter((root) => !this.#away.has(toHex(root)))
  }

  async #due(roots: readonly PathBytes[], signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    for (;;) {
      const restMs = this.#dueAt(roots) - clock.monotonic()
      if (restMs <= 0) return
      const woken = Promise.withResolvers<void>()
      this.#wake = woken.resolve
      const cancel = clock.after(Math.min(restMs, LOOK_MS), woken.resolve)
      try {
        await orAbort(woken.promise, signal)
      } finally {
        cancel()
      }
    }
  }

  /** Monotonic ms. */
  #dueAt(roots: readonly PathBytes[]): number {
    const { quietMs } = this.#options
    if (this.#present(roots).length === 0) return Infinity
    if (this.#isWalkDue()) return this.#waitUntil
    if (this.#hints.size === 0) return Infinity
    const latest = this.#firstHintAt + QUIET_TIMES_MAX * quietMs
    return Math.max(Math.min(this.#lastHintAt + quietMs, latest), this.#waitUntil)
  }

  #isWalkDue(): boolean {
    if (this.#mustWalk) return true
    const { clock } = this.#parts
    const { walkMs } = this.#options
    const { now, monotonic } = this.#walkedAt
    const everyMs = this.#isAllWatched ? walkMs : Math.min(walkMs, WALK_MS_UNWATCHED)
    // The one stands still while a laptop sleeps, the other may be set back.
    return clock.now() - now >= everyMs || clock.monotonic() - monotonic >= everyMs
  }

  async #backUp(
    roots: readonly PathBytes[],
    hints: readonly ScanHint[],
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, walk, look, onEvent } = this.#parts
    if (this.#isWalkDue()) {
      // More may be lost meanwhile.
      this.#mustWalk = false
      const walkedAt = { now: clock.now(), monotonic: clock.monotonic() }
      try {
        this.#take(await walk(roots, signal))
      } catch (error) {
        // Also where it was somebody else's turn: why all was to be walked is as true as before.
        this.#mustWalk = true
        throw error
      }
      this.#walkedAt = walkedAt
    } else {
      const folders = [...hints, ...this.#again]
      const outcome = await look(roots, { since: this.#since, folders }, signal)
      if (outcome === 'stale') this.#mustWalk = true
      else if (outcome !== 'unchanged') this.#take(outcome)
    }
    if (!this.#mustWalk && this.#hints.size === 0) onEvent({ type: 'idle' })
  }

  #take({ sequence, skipped }: Followed): void {
    // A folder with what is in it; and of each path the folder that holds it is looked at, too.
    this.#again = skipped.map((path) => ({ folder: path, isDeep: true }))
    if (sequence !== undefined) this.#since = sequence
    else {
      // The backup has said what is missing.
      this.#mustWalk = true
      this.#wait(RETRY_MS_MIN)
    }
  }

  #fail(error: CairnError, hints: readonly ScanHint[]): void {
    if (error instanceof LockedError) {
      // Somebody else's turn: nothing was done yet.
      for (const hint of hints) this.#keep(hint)
    } else this.#mustWalk = true
    const retryMs = this.#retryMs
    this.#wait(retryMs)
    this.#retryMs = Math.min(2 * retryMs, RETRY_MS_MAX)
    this.#parts.onEvent({ type: 'failed', error, retryMs })
  }

  #wait(ms: number): void {
    this.#waitUntil = Math.max(this.#waitUntil, this.#parts.clock.monotonic() + ms)
  }
}
