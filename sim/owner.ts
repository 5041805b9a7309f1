/**
 * Owner: a person's computer with a Cairn client on it, and all that is known of its backups.
 *
 * Every run of the client is a program of its own, as on the command line: it opens the home, does
 * one thing, closes it. What was published is remembered here, and must never be lost or wrong.
 */

import type { CairnError } from '../src/base/errors.ts'
import { VaultExistsError } from '../src/store/keyring.ts'
import { codecs } from '../src/codec/codecs.ts'
import type { PathBytes } from '../src/ports/files.ts'
import {
  type BackupRequest,
  type BackupSummary,
  Client,
  type ClientPorts,
  type ForgetSummary,
  type ScanSummary,
  createVault,
  recover,
} from '../src/node/client.ts'
import { NothingScannedError, SnapshotWaitsError } from '../src/backup/scan-sources.ts'
import type { SnapshotRow } from '../protocol/snapshots.ts'
import type { RetentionPolicy } from '../src/repair/retention.ts'
import { StoryError } from './errors.ts'
import { toBytes, toText } from './file-tree.ts'
import { follow, type FollowHow, type FollowParts } from './following.ts'
import { rulesOf, withoutLeftOut } from './left-out.ts'
import type { Machine, MachinePorts } from './machine.ts'
import { type Attempt, Memories } from './memories.ts'
import { type Memory, type Picture, type Seen, compareWith, takePicture } from './oracle.ts'
import { Person } from './person.ts'
import type { LeftOut } from './plan.ts'
import type { Canaries } from './secrecy.ts'
import type { SeenHead } from './witness.ts'
import type { World } from './world.ts'

const HOME = '/home/ada'
const HOST = 'laptop'

/** How a backup is made, beyond what is backed up. */
export type BackupOptions = Partial<BackupRequest> & {
  readonly isTagged?: boolean
  readonly leftOut?: LeftOut | undefined
  /** First a scan, then an upload, each a run of its own. */
  readonly isInTwo?: boolean
}

export class Owner {
  machine: Machine
  readonly person: Person
  readonly #world: World
  /** Words that stand in all that only the owner may read, if some were given. */
  readonly #canaries: Canaries | undefined
  readonly #memories = new Memories()
  /** Between two edits of a person at work, on average. */
  pauseMs = 300
  #words: readonly string[] = []
  #restores = 0

  constructor(world: World, machine: Machine, canaries?: Canaries) {
    this.#world = world
    this.#canaries = canaries
    this.machine = machine
    machine.tree.make(toBytes('/home'), 'folder', 0o755)
    machine.tree.make(toBytes('/restore'), 'folder', 0o755)
    this.person = new Person(machine.tree, world.random.fork('person'), HOME, canaries)
    if (canaries !== undefined) this.#plant(canaries)
  }

  /** Sequences of every snapshot that must be there, oldest first. */
  get remembered(): readonly number[] {
    return this.#memories.sequences
  }

  /** Whether snapshots may have been forgotten by a run that did not live to tell. */
  get isInDoubt(): boolean {
    return this.#memories.isInDoubt
  }

  get words(): string {
    return this.#words.join(' ')
  }

  /** Make the vault, unless an earlier try got so far before it crashed. */
  async init(): Promise<void> {
    try {
      await this.machine.run((ports) =>
        createVault(clientPorts(ports), async (words) => {
          this.#words = words
        }),
      )
    } catch (error) {
      if (!(error instanceof VaultExistsError)) throw error
    }
  }

  async join(invite: string): Promise<void> {
    await this.#withClient((client, signal) => client.join(invite, signal))
  }

  /** Nothing may wait any more, but for packs that lack what nobody could take (`isThin`). */
  async assertIdle({ isThin }: { readonly isThin: boolean }): Promise<void> {
    const { queue, spool } = await this.#withClient((client, signal) => client.status(signal))
    if (queue.files > 0) throw new StoryError(`${queue.files} files still wait in the queue`)
    if (spool.packs > 0 && !isThin)
      throw new StoryError(`${spool.packs} packs still wait in the spool`)
  }

  /**
   * Back up once.
   *
   * @param isBusy - whether the person goes on working meanwhile
   * @param folder - the home, or a folder below it
   * @param more.isTagged - whether the snapshot says which run made it
   */
  async backUp(
    isBusy: boolean,
    folder = HOME,
    { isTagged = false, leftOut, isInTwo = false, ...more }: BackupOptions = {},
  ): Promise<BackupSummary> {
    const picture = (): Picture => this.#picture(folder, leftOut)
    const attempt = this.#begin(folder, [picture()], more.checkpointMs !== undefined)
    this.#memories.begin(attempt)
    let isOver = false
    const work = async (): Promise<void> => {
      const random = this.#world.random.fork(`work ${this.#memories.attempts}`)
      for (;;) {
        await this.#world.scheduler.sleep(random.exponential(this.pauseMs))
        if (isOver) return
        if (random.chance(0.5)) this.person.edit()
        else this.person.fidget()
        attempt.pictures.push(picture())
      }
    }
    const working = isBusy ? work() : Promise.resolve()
    try {
      const request: BackupRequest = {
        paths: [toBytes(folder)],
        host: this.#host,
        onFileError: ({ path }) => attempt.skipped.add(below(folder, path)),
        ...(isTagged ? { tags: this.#tagsOf(attempt) } : {}),
        ...(leftOut === undefined ? {} : { rules: rulesOf(leftOut) }),
        ...more,
      }
      const summary = isInTwo
        ? await this.#backUpInTwo(request, attempt)
        : await this.#withClient((client, signal) => client.backup(request, signal))
      this.#note(attempt, summary)
      return summary
    } finally {
      isOver = true
      attempt.endedAt = this.machine.clock.now()
      await working
    }
  }

  /**
   * `cairn watch` for a while, in which the person works.
   *
   * @param told.onDone - told of each backup before the next one
   */
  async watch(
    how: FollowHow,
    told: {
      readonly onDone: (summary: BackupSummary, isHinted: boolean) => Promise<void>
      readonly onFailure: (error: CairnError) => void
    },
  ): Promise<void> {
    const { scheduler } = this.#world
    const parts = {
      machine: this.machine,
      home: HOME,
      random: this.#world.random.fork(`watch ${this.#memories.attempts}`),
      now: () => scheduler.elapsed,
      sleep: (ms: number) => scheduler.sleep(ms),
      edit: () => this.person.edit(),
      picture: () => this.#picture(HOME, undefined),
      onFailure: told.onFailure,
    }
    const backUp: FollowParts['backUp'] = async (ports, pictures, hints, signal) => {
      const attempt = this.#begin(HOME, pictures, false)
      this.#memories.begin(attempt)
      const request: BackupRequest = {
        paths: [toBytes(HOME)],
        host: this.#host,
        tags: this.#tagsOf(attempt),
        onFileError: ({ path }) => attempt.skipped.add(below(HOME, path)),
      }
      try {
        const summary = await withClientOn(ports, signal, (client) =>
          hints === undefined
            ? client.backup(request, signal)
            : client.backupHinted({ ...request, hints }, signal),
        )
        if (typeof summary === 'string') return summary
        this.#note(attempt, summary)
        await told.onDone(summary, hints !== undefined)
        return summary
      } finally {
        attempt.endedAt = this.machine.clock.now()
      }
    }
    await follow({ ...parts, backUp }, how)
  }

  /** What a run has come to; what it could not read it has told as it went, whatever became of it. */
  #note(attempt: Attempt, { published, sequence }: BackupSummary): void {
    if (published) this.#memories.remember(sequence, attempt)
    else attempt.unpublished = sequence
  }

  async #backUpInTwo(request: BackupRequest, attempt: Attempt): Promise<BackupSummary> {
    const scan = () => this.#withClient((client, signal) => client.scan(request, signal))
    const upload = () => this.#withClient((client, signal) => client.upload(request, signal))
    const note = ({ failures }: ScanSummary) => {
      for (const { path } of failures) attempt.skipped.add(below(attempt.root, path))
    }
    try {
      note(await scan())
    } catch (error) {
      if (!(error instanceof SnapshotWaitsError)) throw error
      // As the message says; what it was of is known from its own run.
      return await this.#withClient((client, signal) => client.backup(request, signal))
    }
    try {
      return await upload()
    } catch (error) {
      if (!(error instanceof NothingScannedError)) throw error
      // A state that was behind has been brought up to the head: as the message says.
      note(await scan())
      return await upload()
    }
  }

  /**
   * Ask what is published: everything remembered must be there. What a crashed run published
   * without living to tell is remembered from now on.
   *
   * @param isSettled - whether a head was published since all that was cut off
   */
  async takeStock(isSettled = false): Promise<readonly SnapshotRow[]> {
    const rows = await this.#withClient((client, signal) => client.snapshots(signal))
    this.#memories.check(rows, isSettled)
    return rows
  }

  /** @returns what would become of each snapshot */
  async planForget(policy: RetentionPolicy): Promise<ForgetSummary> {
    return this.#withClient((client, signal) => client.forget({ policy, isDryRun: true }, signal))
  }

  /**
   * Forget by these rules.
   *
   * @param planned - snapshots that go, as `planForget` said: should this run not live to tell
   */
  async forget(policy: RetentionPolicy, planned: readonly number[]): Promise<ForgetSummary> {
    this.#memories.doubt(planned)
    const summary = await this.#withClient((client, signal) =>
      client.forget({ policy, isDryRun: false }, signal),
    )
    const dropped = summary.decisions.flatMap(({ row, isKept }) => (isKept ? [] : [row.sequence]))
    if (summary.published || dropped.length === 0) this.#memories.drop(dropped)
    else this.#memories.doubt(dropped)
    return summary
  }

  /** @returns what a file may be in a snapshot: one thing, if it was made in quiet; `undefined` for none */
  seenAt(sequence: number, path: string): readonly (Seen | undefined)[] {
    const { root, pictures } = this.#memories.get(sequence)
    return pictures.map((picture) => picture.get(path.slice(root.length)))
  }

  /** What is known of a run that was published. */
  memoryOf(sequence: number): Memory {
    return this.#memories.get(sequence)
  }

  /** Whatever else a client can be asked. */
  ask<T>(use: (client: Client, signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#withClient(use)
  }

  /**
   * Restore one remembered snapshot and compare it.
   *
   * @param isWhole - whether everything must come back; else what does come back must be right
   * @param mayBeGone - whether it is well if it is not even listed
   */
  async checkRestore(sequence: number, isWhole: boolean, mayBeGone = false): Promise<void> {
    const target = `/restore/${++this.#restores}`
    this.machine.tree.make(toBytes(target), 'folder', 0o700)
    try {
      await this.#withClient(async (client, signal) => {
        const rows = await client.snapshots(signal)
        const row = rows.find((one) => one.sequence === sequence)
        if (row === undefined && mayBeGone) return
        if (row === undefined) throw new StoryError(`snapshot ${sequence} is gone`)
        const { root } = this.#memories.get(sequence)
        const paths = [toBytes(root)]
        const summary = await client.restore({ at: row, paths, target: toBytes(target) }, signal)
        const fuzzy = new Set<string>()
        for await (const { path, entry } of client.list(
          row,
          toBytes(root),
          { recursive: true },
          signal,
        )) {
          if (entry.version?.label === 'fuzzy') fuzzy.add(below(root, path))
        }
        const [failure] = summary.failures
        if (isWhole && failure !== undefined) {
          throw new StoryError(
            `snapshot ${sequence}: ${toText(failure.path)} failed: ${failure.error.message}`,
            { cause: failure.error },
          )
        }
        this.#judge(sequence, takePicture(this.machine.tree, target + root), fuzzy, isWhole)
      })
    } finally {
      this.#clear(target)
    }
  }

  /** The machine loses all state of the client. The files stay. */
  wipe(): void {
    this.machine.crash('kill')
    this.machine.wipe()
    this.machine.boot()
  }

  /** Go on with an empty machine. */
  moveTo(machine: Machine): void {
    this.machine = machine
    machine.tree.make(toBytes('/restore'), 'folder', 0o755)
  }

  /**
   * Come back with the words alone, unless an earlier try got so far before it crashed.
   *
   * @param head - as that head left the vault
   */
  async recover(door: { invite: string } | { peer: string }, head?: SeenHead): Promise<void> {
    const sequence = head?.head.sequence
    const how = {
      words: this.words,
      ...door,
      ...(sequence === undefined ? {} : { head: sequence }),
    }
    try {
      await this.machine.run((ports, signal) => recover(clientPorts(ports), how, signal))
    } catch (error) {
      if (!(error instanceof VaultExistsError)) throw error
    }
    if (head !== undefined) this.#memories.returnTo(head.snapshots)
  }

  get #host(): string {
    return this.#canaries === undefined ? HOST : `${HOST} ${this.#canaries.name}`
  }

  #tagsOf({ tag }: Attempt): string[] {
    return this.#canaries === undefined ? [tag] : [tag, `tag ${this.#canaries.name}`]
  }

  /** A file that does not compress, so that it shows the word wherever it lies unsealed. */
  #plant({ name, content }: Canaries): void {
    const { tree } = this.machine
    const random = this.#world.random.fork('canaries')
    const node = tree.make(toBytes(`${HOME}/${name}.bin`), 'file', 0o644)
    const word = Buffer.from(content)
    const parts = Array.from({ length: 12 }, () => Buffer.concat([random.bytes(900), word]))
    tree.write(node, 0, Buffer.concat(parts))
  }

  #begin(root: string, pictures: Picture[], hasCheckpoints: boolean): Attempt {
    const now = this.machine.clock.now()
    return {
      tag: `run ${this.#memories.attempts + 1}`,
      root,
      startedAt: now,
      endedAt: Number.POSITIVE_INFINITY,
      pictures,
      skipped: new Set(),
      hasCheckpoints,
    }
  }

  /** Of a folder that may have gone meanwhile. */
  #picture(root: string, leftOut: LeftOut | undefined): Picture {
    if (!this.machine.tree.has(toBytes(root))) return new Map()
    const picture = takePicture(this.machine.tree, root)
    return leftOut === undefined ? picture : withoutLeftOut(picture, leftOut)
  }

  #judge(sequence: number, restored: Picture, fuzzy: ReadonlySet<string>, isWhole: boolean): void {
    const memory = this.#memories.get(sequence)
    const mustHaveAll = isWhole && memory.isPartial !== true
    const differences = compareWith(memory, restored, (path) => fuzzy.has(path)).filter(
      ({ path }) => mustHaveAll || restored.has(path),
    )
    const [first] = differences
    if (first === undefined) return
    const more = differences.length > 1 ? `, and ${differences.length - 1} more` : ''
    throw new StoryError(`snapshot ${sequence}: ${JSON.stringify(first.path)} ${first.why}${more}`)
  }

  #clear(folder: string): void {
    const { tree } = this.machine
    const paths = [...tree.walk(toBytes(folder))].map(({ path }) => path)
    for (const path of paths.toReversed()) tree.remove(path)
  }

  #withClient<T>(use: (client: Client, signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.machine.run((ports, signal) =>
      withClientOn(ports, signal, (client) => use(client, signal)),
    )
  }
}

async function withClientOn<T>(
  ports: MachinePorts,
  signal: AbortSignal,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await Client.open(clientPorts(ports), signal)
  try {
    return await use(client)
  } finally {
    await client.close()
  }
}

function clientPorts(ports: MachinePorts): ClientPorts {
  return { ...ports, compute: ports.compute(codecs) }
}

/** A path below a root, as the oracle has it. */
function below(root: string, path: PathBytes): string {
  return toText(path).slice(root.length)
}
