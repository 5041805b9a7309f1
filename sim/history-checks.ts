/** Checks of sim/histories.ts in the calm: room, chains, and what the client says of them. */

import type { PathBytes } from '../src/ports/files.ts'
import type { RebuildPolicy } from '../src/repair/policy.ts'
import { fromKey, toPath } from '../src/source/path.ts'
import { Entries } from '../src/store/entries.ts'
import type { Diary } from './diary.ts'
import { StoryError } from './errors.ts'
import { toBytes, toText } from './file-tree.ts'
import { isSkipped, type Seen } from './oracle.ts'
import type { Owner } from './owner.ts'
import type { Room, Witness } from './witness.ts'

export interface CheckParts {
  readonly owner: Owner
  readonly witness: Witness
  readonly diary: Diary
}

/**
 * Beside what the newest head needs, friends hold what the heads since the last gc left behind: a few small
 * packs of each, and its ledger.
 */
const SLACK_BYTES = 400_000

/** @returns whether friends let go of all that is dead, save what a few heads leave behind */
export async function isConverged({ witness }: Pick<CheckParts, 'witness'>): Promise<boolean> {
  const { newest } = witness
  return newest !== undefined && isSmall(witness.room(await witness.walk(newest)))
}

/** @throws {StoryError} */
export async function assertConverged({ witness }: Pick<CheckParts, 'witness'>): Promise<Room> {
  const { newest } = witness
  if (newest === undefined) throw new StoryError('nobody has a head')
  const room = witness.room(await witness.walk(newest))
  const { needed, listed, unlisted } = room
  const told = `friends hold ${listed} bytes that are dead and ${unlisted} of nobody, beside ${needed}`
  if (!isSmall(room)) throw new StoryError(told)
  return room
}

/** What no ledger names, whoever lost sight of it, must go as well. */
function isSmall({ listed, unlisted }: Room): boolean {
  return listed <= SLACK_BYTES && unlisted <= SLACK_BYTES
}

/** Chains of newest versions are within the policy. @throws {StoryError} */
export async function assertShortChains(
  { owner, diary }: CheckParts,
  policy: RebuildPolicy,
): Promise<void> {
  await assertShort(owner, diary.longLived.map(toBytes), policy)
}

/** @returns files that are stored as so many deltas or more, as the client has it */
export function chained({ machine }: Owner, lengthMin: number): PathBytes[] {
  const database = machine.databases.open('backupdb')
  try {
    return [...new Entries(database).chained(lengthMin)].map(({ key }) => toPath(fromKey(key)))
  } finally {
    database.close()
  }
}

/** @throws {StoryError} the newest version of a file is reached by more deltas than the policy allows */
export async function assertShort(
  owner: Owner,
  paths: readonly PathBytes[],
  { lengthMax }: RebuildPolicy,
): Promise<void> {
  for (const path of paths) {
    const chain = await owner.ask(
      async (client, signal) => (await client.historyReport(path, {}, signal))?.chain,
    )
    const length = chain?.length ?? 0
    if (length > lengthMax)
      throw new StoryError(`${toText(path)}: ${length} deltas, at most ${lengthMax}`)
  }
}

/** What the client tells of itself is what the friends' disks tell. @throws {StoryError} */
export async function assertTold({ owner, witness, diary }: CheckParts): Promise<void> {
  const { newest } = witness
  const [status, rows] = await owner.ask(async (client, signal) => [
    await client.status(signal),
    await client.snapshots(signal),
  ])
  if (status.sequence !== newest?.head.sequence) {
    throw new StoryError(`status tells of head ${status.sequence}, not ${newest?.head.sequence}`)
  }
  const listed = rows.map(({ sequence }) => sequence).toReversed()
  if (listed.join(' ') !== newest.snapshots.join(' ')) {
    throw new StoryError(`listed are ${listed.join(' ')}, kept ${newest.snapshots.join(' ')}`)
  }
  const kept = new Set(listed)
  for (const path of diary.longLived) {
    const history = await owner.ask((client, signal) => client.history(toBytes(path), signal))
    const known = new Set(history?.versions.map(({ id }) => id))
    for (const { what, from } of history?.spans ?? []) {
      if (what.kind !== 'file') continue
      if (!known.has(what.version)) throw new StoryError(`${path}: version ${what.version} is gone`)
      if (from > newest.head.sequence) throw new StoryError(`${path}: a span of the future`)
    }
    for (const sequence of kept) {
      const memory = owner.memoryOf(sequence)
      // What the run could not read is shown as it was before.
      if (isSkipped(memory, path.slice(memory.root.length))) continue
      const seen = owner.seenAt(sequence, path)
      const span = history?.spans.find(
        ({ from, until }) => from <= sequence && (until === undefined || sequence < until),
      )
      const version = history?.versions.find(
        ({ id }) => span?.what.kind === 'file' && id === span.what.version,
      )
      const digest = version?.digest && Buffer.from(version.digest).toString('hex')
      const isShown = (one: Seen | undefined): boolean =>
        one?.size === version?.size && (digest ?? one?.content) === one?.content
      if (version?.label !== 'fuzzy' && !seen.some(isShown))
        throw new StoryError(`${path} at ${sequence}: the history shows another file`)
    }
  }
}
