/**
 * Following: `cairn watch` on a simulated machine, while somebody works there.
 *
 * What changes is told within a second or so, as the kernel's queue would; so a backup that looks only where it
 * was told to may miss what changed in the seconds before it began, and has it with the next one.
 */

import type { CairnError } from '../src/base/errors.ts'
import type { BackupSummary, Hints } from '../src/node/client.ts'
import { followed, Follower } from '../src/node/follower.ts'
import { NO_RULES } from '../src/source/rules.ts'
import { toBytes } from './file-tree.ts'
import type { Machine, MachinePorts } from './machine.ts'
import type { Picture } from './oracle.ts'
import type { SimRandom } from './random.ts'
import { SimWatching } from './watching.ts'

const DAY_MS = 86_400_000

/** Until a change is told, ms, at most. */
const TOLD_MS = 2_000

/** Chance of an edit that the watcher tells nobody of, but that something was lost. */
const LOSS = 0.1

export interface FollowHow {
  readonly forMs: number
  /** How long nothing may change before what did is backed up, ms. */
  readonly quietMs: number
  /** Edits meanwhile, most of them soon after another. */
  readonly edits: number
  /** Between two of those, on average, ms. */
  readonly pauseMs: number
}

export interface FollowParts {
  readonly machine: Machine
  readonly home: string
  readonly random: SimRandom
  /** Virtual ms. */
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  readonly edit: () => void
  readonly picture: () => Picture
  /**
   * One run of the client: of everything, or of what hints tell.
   *
   * @param pictures - what it may find; grows while it runs
   */
  readonly backUp: (
    ports: MachinePorts,
    pictures: Picture[],
    hints: Hints | undefined,
    signal: AbortSignal,
  ) => Promise<BackupSummary | 'unchanged' | 'stale'>
  /** Told of each backup that failed; may throw. */
  readonly onFailure: (error: CairnError) => void
}

/** @throws {MachineCrashed} */
export async function follow(parts: FollowParts, how: FollowHow): Promise<void> {
  const { machine, home, random } = parts
  const stopped = new Error('the watching is over')
  const seen = new SeenFiles(parts)
  const watching = new SimWatching(
    machine.tree,
    machine.ports.clock,
    random.between(100, TOLD_MS / 2),
  )
  const program = machine.start(async (ports, signal) => {
    const backUp = (hints?: Hints) =>
      seen.during(hints, (all) => parts.backUp(ports, all, hints, signal))
    const follower = new Follower(
      {
        clock: ports.clock,
        watching,
        walk: async () => {
          const summary = await backUp()
          if (typeof summary === 'string') throw new Error('a walk is never stale')
          return followed(summary)
        },
        look: async (_, hints) => {
          const summary = await backUp(hints)
          return typeof summary === 'string' ? summary : followed(summary)
        },
        onEvent: (event) => {
          if (event.type === 'failed') parts.onFailure(event.error)
        },
      },
      { quietMs: how.quietMs, walkMs: DAY_MS },
    )
    return await follower.run({ roots: [toBytes(home)], excluded: [], rules: NO_RULES }, signal)
  })
  let isOver = false
  const work = async (): Promise<void> => {
    for (let left = how.edits; left > 0; left--) {
      const isBusy = random.chance(0.8)
      await parts.sleep(random.exponential(isBusy ? how.pauseMs : (3 * how.forMs) / how.edits))
      if (isOver) return
      watching.trouble.isFull = random.chance(LOSS)
      parts.edit()
      seen.look()
    }
  }
  const working = work()
  void parts.sleep(how.forMs).then(() => program.stop(stopped))
  try {
    await program.result
  } catch (error) {
    if (error !== stopped) throw error
  } finally {
    isOver = true
    await working
  }
}

/** What the files were, for the backups that run meanwhile. */
class SeenFiles {
  readonly #parts: FollowParts
  readonly #recent: { readonly until: number; readonly picture: Picture }[] = []
  #now: Picture
  #pictures: Picture[] | undefined

  constructor(parts: FollowParts) {
    this.#parts = parts
    this.#now = parts.picture()
  }

  /** Something has changed just now. */
  look(): void {
    const now = this.#parts.now()
    this.#recent.push({ until: now, picture: this.#now })
    while ((this.#recent[0]?.until ?? now) < now - TOLD_MS) this.#recent.shift()
    this.#now = this.#parts.picture()
    this.#pictures?.push(this.#now)
  }

  async during<T>(hints: Hints | undefined, use: (pictures: Picture[]) => Promise<T>): Promise<T> {
    const since = this.#parts.now() - TOLD_MS
    const recent = hints === undefined ? [] : this.#recent.filter(({ until }) => until >= since)
    this.#pictures = [...recent.map(({ picture }) => picture), this.#now]
    try {
      return await use(this.#pictures)
    } finally {
      this.#pictures = undefined
    }
  }
}
