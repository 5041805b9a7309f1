/**
 * Owner: a person's computer with a Cairn client on it, and all that is known of its backups.
 *
 * Every run of the client is a program of its own, as on the command line: it opens the home, does
 * one thing, closes it. What was published is remembered here, and must never be lost or wrong.
 */

import { VaultExistsError } from '../src/store/keyring.ts'
import { codecs } from '../src/codec/codecs.ts'
import type { PathBytes } from '../src/ports/files.ts'
import {
  type BackupSummary,
  Client,
  type ClientPorts,
  createVault,
  recover,
} from '../src/node/client.ts'
import type { SnapshotRow } from '../protocol/snapshots.ts'
import { StoryError } from './errors.ts'
import { toBytes, toText } from './file-tree.ts'
import type { Machine, MachinePorts } from './machine.ts'
import { type Memory, type Picture, compareWith, takePicture } from './oracle.ts'
import { Person } from './person.ts'
import type { World } from './world.ts'

const HOME = '/home/ada'
const HOST = 'laptop'

/** One run of the backup, however it ended. */
interface Attempt extends Memory {
  /** By the client's clock, ms. */
  readonly startedAt: number
  endedAt: number
  /** The snapshot it could not publish; enough peers may have its head all the same, or soon. */
  unpublished?: number
  readonly pictures: Picture[]
  readonly skipped: Set<string>
}

export class Owner {
  machine: Machine
  readonly person: Person
  readonly #world: World
  readonly #attempts: Attempt[] = []
  /** Snapshots that are known to be published, by sequence. */
  readonly #memories = new Map<number, Memory>()
  /** Between two edits of a person at work, on average. */
  pauseMs = 300
  #words: readonly string[] = []
  #restores = 0

  constructor(world: World, machine: Machine) {
    this.#world = world
    this.machine = machine
    machine.tree.make(toBytes('/home'), 'folder', 0o755)
    machine.tree.make(toBytes('/restore'), 'folder', 0o755)
    this.person = new Person(machine.tree, world.random.fork('person'), HOME)
  }

  /** Sequences of everything published so far, oldest first. */
  get remembered(): readonly number[] {
    return [...this.#memories.keys()].toSorted((a, b) => a - b)
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

  /** Nothing may wait any more: all that was queued is published, all that was spooled is placed. */
  async assertIdle(): Promise<void> {
    const { queue, spool } = await this.#withClient((client, signal) => client.status(signal))
    if (queue.files > 0) throw new StoryError(`${queue.files} files still wait in the queue`)
    if (spool.packs > 0) throw new StoryError(`${spool.packs} packs still wait in the spool`)
  }

  /**
   * Back up once.
   *
   * @param isBusy - whether the person goes on working meanwhile
   * @param folder - the home, or a folder below it
   */
  async backUp(isBusy: boolean, folder = HOME): Promise<BackupSummary> {
    const attempt = this.#begin(folder)
    this.#attempts.push(attempt)
    let isOver = false
    const work = async (): Promise<void> => {
      const random = this.#world.random.fork(`work ${this.#attempts.length}`)
      for (;;) {
        await this.#world.scheduler.sleep(random.exponential(this.pauseMs))
        if (isOver) return
        if (random.chance(0.5)) this.person.edit()
        else this.person.fidget()
        attempt.pictures.push(this.#picture(folder))
      }
    }
    const working = isBusy ? work() : Promise.resolve()
    try {
      const summary = await this.#withClient((client, signal) =>
        client.backup({ paths: [toBytes(folder)], host: HOST }, signal),
      )
      for (const { path } of summary.skipped) attempt.skipped.add(below(folder, path))
      if (summary.published) this.#remember(summary.sequence, attempt)
      else attempt.unpublished = summary.sequence
      return summary
    } finally {
      isOver = true
      attempt.endedAt = this.machine.clock.now()
      await working
    }
  }

  /**
   * Ask what is published: everything remembered must be there. What a crashed run published
   * without living to tell is remembered from now on.
   */
  async takeStock(): Promise<void> {
    const rows = await this.#withClient((client, signal) => client.snapshots(signal))
    this.#checkRows(rows)
  }

  /**
   * Restore one remembered snapshot and compare it.
   *
   * @param isWhole - whether everything must come back; else what does come back must be right
   */
  async checkRestore(sequence: number, isWhole: boolean): Promise<void> {
    const target = `/restore/${++this.#restores}`
    this.machine.tree.make(toBytes(target), 'folder', 0o700)
    try {
      await this.#withClient(async (client, signal) => {
        const rows = await client.snapshots(signal)
        const row = rows.find((one) => one.sequence === sequence)
        if (row === undefined) throw new StoryError(`snapshot ${sequence} is gone`)
        const { root } = this.#memory(sequence)
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

  /** Come back with the words alone, unless an earlier try got so far before it crashed. */
  async recover(door: { invite: string } | { peer: string }): Promise<void> {
    const words = this.#words.join(' ')
    try {
      await this.machine.run((ports, signal) =>
        recover(clientPorts(ports), { words, ...door }, signal),
      )
    } catch (error) {
      if (!(error instanceof VaultExistsError)) throw error
    }
  }

  #begin(root: string): Attempt {
    const now = this.machine.clock.now()
    return {
      root,
      startedAt: now,
      endedAt: Number.POSITIVE_INFINITY,
      pictures: [this.#picture(root)],
      skipped: new Set(),
    }
  }

  /** Of a folder that may have gone meanwhile. */
  #picture(root: string): Picture {
    return this.machine.tree.has(toBytes(root)) ? takePicture(this.machine.tree, root) : new Map()
  }

  #memory(sequence: number): Memory {
    const memory = this.#memories.get(sequence)
    if (memory === undefined) throw new StoryError(`nobody remembers snapshot ${sequence}`)
    return memory
  }

  #remember(sequence: number, memory: Memory): void {
    if (this.#memories.has(sequence)) throw new StoryError(`snapshot ${sequence} came twice`)
    this.#memories.set(sequence, memory)
  }

  #checkRows(rows: readonly SnapshotRow[]): void {
    const known = new Set(rows.map(({ sequence }) => sequence))
    for (const sequence of this.#memories.keys()) {
      if (!known.has(sequence)) throw new StoryError(`snapshot ${sequence} is gone`)
    }
    for (const { sequence, startedAt } of rows) {
      if (this.#memories.has(sequence)) continue
      const attempt =
        this.#attempts.findLast((one) => isWithin(one, startedAt)) ??
        this.#attempts.findLast(({ unpublished }) => unpublished === sequence)
      if (attempt === undefined) throw new StoryError(`nobody made snapshot ${sequence}`)
      this.#remember(sequence, attempt)
    }
  }

  #judge(sequence: number, restored: Picture, fuzzy: ReadonlySet<string>, isWhole: boolean): void {
    const memory = this.#memory(sequence)
    const differences = compareWith(memory, restored, (path) => fuzzy.has(path)).filter(
      ({ path }) => isWhole || restored.has(path),
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
    return this.machine.run(async (ports, signal) => {
      const client = await Client.open(clientPorts(ports), signal)
      try {
        return await use(client, signal)
      } finally {
        await client.close()
      }
    })
  }
}

function clientPorts(ports: MachinePorts): ClientPorts {
  return { ...ports, compute: ports.compute(codecs) }
}

/** A path below a root, as the oracle has it. */
function below(root: string, path: PathBytes): string {
  return toText(path).slice(root.length)
}

/** Whether it ran at that time by the machine's clock, which may have been set back meanwhile. */
function isWithin({ startedAt, endedAt }: Attempt, time: number): boolean {
  const isSetBack = endedAt < startedAt
  return isSetBack ? time >= startedAt || time <= endedAt : startedAt <= time && time <= endedAt
}
