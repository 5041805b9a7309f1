/**
 * Histories: what a hundred daily versions of one file cost to keep, to shorten and to thin.
 *
 * W2's disk image, backed up each day after its pages were overwritten. Then the chain is rebuilt, with the
 * file at hand, and all but the last ten snapshots are forgotten. Once with rebuilds by hand, and once as
 * backups do them by themselves.
 *
 * Between a change and its backup a fifth of a second passes: ten times what keeps a file from being racy
 * where times have nanoseconds, and nothing more than that, since every backup reads this file anyway.
 *
 * The peers' delay of 30 days does not pass here. What will be stored after it are the packs that the newest
 * head needs, as `cairn gc` counts them; during it, those and the packs in release.
 */

import { createHash } from 'node:crypto'
import {
  copyFileSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { zstdCompressSync } from 'node:zlib'
import { removeTree } from '../src/cli/demo/remove-tree.ts'
import { BenchError } from './bench-error.ts'
import { combine, mean } from './measure/median.ts'
import { runMeasured } from './measure/run-measured.ts'
import type { Amount, HistoriesResult, HistoryState, Operation, VersionRestore } from './results.ts'
import { bytesIn, CairnSession, type Said } from './tools/cairn.ts'
import { versionOf } from './tools/tool.ts'
import { image } from './workloads/image.ts'
import type { State } from './workloads/workload.ts'

const MIB = 2 ** 20
const FILE = 'disk.img'
const SETTLE_MS = 200

/** W2's size at scale 1, MiB. */
const IMAGE_MIB = 1024

const BLOCK_SIZE = 4096

/** rdiff makes a delta on every so manieth day: they are alike, and each takes two passes over the file. */
const RDIFF_EVERY = 10

const KEPT = 10

export interface HistoriesOptions {
  /** Versions: one a day. */
  readonly days: number
  /** MiB of the file. */
  readonly size: number
  /** How rebuilds come: by hand, automatic, or both in turn. */
  readonly modes: readonly RebuildMode[]
  readonly seed: number
  readonly folder?: string
  readonly say: (line: string) => void
}

export type RebuildMode = 'by-hand' | 'automatic'

/** Measures one history after the other. */
export async function* measureHistories(
  options: HistoriesOptions,
): AsyncGenerator<HistoriesResult> {
  for (const mode of options.modes) {
    options.say(`histories: ${options.days} versions of ${options.size} MiB, rebuilt ${mode}`)
    yield await measure(mode, options)
  }
}

async function measure(mode: RebuildMode, options: HistoriesOptions): Promise<HistoriesResult> {
  const { seed, size, days, say } = options
  const base = mkdtempSync(join(options.folder ?? tmpdir(), 'cairn-bench-'))
  const remove = () => removeTree(base)
  process.once('exit', remove)
  try {
    const [source, folder] = [join(base, 'source'), join(base, 'cairn')]
    mkdirSync(source)
    mkdirSync(folder)
    const state = { folder: source, seed, scale: size / IMAGE_MIB }
    const config = mode === 'by-hand' ? '[rebuild]\nautomatic = false\n' : ''
    const session = await CairnSession.open({ source, folder }, config)
    try {
      const run = new Run(session, { ...state, base, days, say })
      await run.backUpAll()
      const backups = run.backups
      const before = await run.state()
      const rebuild = mode === 'by-hand' ? await run.tell('rebuild', run.path) : undefined
      const after = rebuild === undefined ? before : await run.state()
      const restores = await run.restores(days)
      const forget = await run.tell('forget', '--keep-last', String(KEPT))
      const left = await run.state()
      const gc = await run.tell('gc')
      const restoresLeft = await run.restores(Math.min(days, KEPT))
      return {
        mode,
        days,
        size: size * MIB,
        ...backups,
        ...before.first,
        before: before.state,
        after: after.state,
        left: left.state,
        restores: [...restores, ...restoresLeft],
        ...(rebuild === undefined ? {} : { rebuild }),
        forget,
        gc,
      }
    } finally {
      await session.close()
    }
  } finally {
    process.off('exit', remove)
    remove()
  }
}

interface Place extends State {
  readonly base: string
  readonly days: number
  readonly say: (line: string) => void
}

class Run {
  readonly path: string
  readonly #session: CairnSession
  readonly #place: Place
  readonly #operations: Operation[] = []
  readonly #minimal: number[] = []
  /** By day from 1 on: the snapshot, and what the file was. */
  readonly #snapshots: { readonly id: string; readonly digest: string }[] = []

  constructor(session: CairnSession, place: Place) {
    this.#session = session
    this.#place = place
    this.path = join(place.folder, FILE)
  }

  /** The first version, and what each day makes of it. */
  async backUpAll(): Promise<void> {
    const { days, say, ...state } = this.#place
    await image.create(state)
    const hasRdiff = versionOf('rdiff', '--version') !== undefined
    if (!hasRdiff) say('rdiff is not installed: left out')
    for (let day = 1; day <= days; day++) {
      const isCompared = hasRdiff && day > 1 && day % RDIFF_EVERY === 2
      const yesterday = join(state.base, 'yesterday')
      if (isCompared) copyFileSync(this.path, yesterday)
      if (day > 1) await image.change({ ...state, day: day - 1 })
      if (isCompared) this.#minimal.push(await rdiffSize(yesterday, this.path))
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
      const { summary, ...operation } = await this.#session.backup()
      this.#operations.push(operation)
      this.#snapshots.push({
        id: String(summary['snapshot_id']),
        digest: await digestOf(this.path),
      })
      if (day % 10 === 0) say(`  day ${day}: ${operation.cpuSeconds.toFixed(2)} CPU s`)
    }
  }

  get backups() {
    const [first, ...days] = this.#operations
    if (first === undefined || days.length === 0) throw new BenchError('a history has two versions')
    const sum = days.reduce((total, { bytesNew = 0 }) => total + bytesNew, 0)
    return {
      first,
      day: combine(days, mean),
      highestDay: Math.max(...days.map(({ cpuSeconds }) => cpuSeconds)),
      peakOfDays: Math.max(...days.map(({ peakMemory }) => peakMemory)),
      addedByDays: sum,
      ...(this.#minimal.length === 0 ? {} : { minimalDelta: mean(this.#minimal) }),
    }
  }

  /** What the peers hold and what the newest head needs, and how the versions are stored. */
  async state(): Promise<{ state: HistoryState; first: { original: number; newest: number } }> {
    const { summary } = await this.#session.tell('gc', '--dry-run')
    const { records } = await this.#session.tell('history', this.path)
    const versions = records.filter((record) => record['message_type'] === 'version')
    const chain = records.find((record) => record['message_type'] === 'chain')
    if (chain === undefined) throw new BenchError('cairn told no chain')
    const stored = (wanted: (version: Said) => boolean) => {
      const found = versions.filter(wanted).map((version) => bytesIn(version, 'stored_size'))
      return { count: found.length, bytes: found.reduce((sum, bytes) => sum + bytes, 0) }
    }
    const isForward = (version: Said) => version['direction'] === 'forward'
    const isReverse = (version: Said) => version['direction'] === 'reverse'
    const isOriginal = (version: Said) => version['stored_as'] === 'original'
    const live = amountIn(summary, 'live')
    return {
      first: {
        original: bytesIn(versions[0] ?? {}, 'stored_size'),
        newest: bytesIn(versions.at(-1) ?? {}, 'stored_size'),
      },
      state: {
        originals: stored(isOriginal),
        forward: stored(isForward),
        reverse: stored(isReverse),
        chainLength: bytesIn(chain, 'length'),
        fetchSize: bytesIn(chain, 'fetch_size'),
        loss: bytesIn(chain, 'loss_probability'),
        lossOfOriginal: bytesIn(chain, 'original_loss_probability'),
        live: live.bytes,
        dead: amountIn(summary, 'released').bytes + amountIn(summary, 'in_release').bytes,
        onPeers: this.#session.stored(),
      },
    }
  }

  async tell(...args: readonly string[]): Promise<Operation> {
    this.#place.say(`  ${args.join(' ').replace(this.path, FILE)}`)
    const { records: _, summary, ...usage } = await this.#session.tell(...args)
    return {
      ...usage,
      bytesNew: bytesIn(summary, 'data_added'),
      bytesSent: bytesIn(summary, 'bytes_sent'),
      bytesFetched: bytesIn(summary, 'bytes_fetched'),
    }
  }

  /** Restores the newest of the last `count` versions, the middle one and the oldest. */
  async restores(count: number): Promise<VersionRestore[]> {
    const { days, base } = this.#place
    const wanted = new Set([days, days - Math.floor(count / 2), days - count + 1])
    const restores: VersionRestore[] = []
    for (const day of wanted) {
      const snapshot = this.#snapshots[day - 1]
      if (snapshot === undefined) throw new BenchError(`there is no day ${day}`)
      const target = join(base, 'restored')
      mkdirSync(target)
      const { root, ...operation } = await this.#session.restore(target, snapshot.id)
      const isRight = (await digestOf(join(root, FILE))) === snapshot.digest
      removeTree(target)
      restores.push({ version: day, ofVersions: count, isRight, ...operation })
    }
    return restores
  }
}

function amountIn(summary: Said, field: string): Amount {
  const amount = summary[field] as Said | undefined
  return { count: bytesIn(amount ?? {}, 'packs'), bytes: bytesIn(amount ?? {}, 'bytes') }
}

/** @returns bytes of the delta that rdiff makes, packed by zstd */
async function rdiffSize(yesterday: string, today: string): Promise<number> {
  const [signature, delta] = [`${yesterday}.signature`, `${yesterday}.delta`]
  const rdiff = (...args: string[]) => runMeasured({ program: 'rdiff', args })
  await rdiff('-b', String(BLOCK_SIZE), 'signature', yesterday, signature)
  await rdiff('delta', signature, today, delta)
  const { length } = zstdCompressSync(readFileSync(delta))
  for (const path of [yesterday, signature, delta]) rmSync(path)
  return length
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const bytes of createReadStream(path, { highWaterMark: MIB }))
    hash.update(bytes as Buffer)
  return hash.digest('hex')
}
