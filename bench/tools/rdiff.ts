/**
 * rdiff: not a backup program, but the tool that makes such deltas; what one file's change costs at least.
 *
 * Yesterday's file stays in the open beside it. The first step makes a signature in blocks of 4 KiB, a
 * day a delta from the signature of the day before, and a signature anew; a delta counts as zstd packs it.
 */

import { copyFileSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { BenchError } from '../bench-error.ts'
import { runMeasured, type Usage } from '../measure/run-measured.ts'
import {
  versionOf,
  type BackupStep,
  type Place,
  type RestoreStep,
  type Session,
  type Tool,
} from './tool.ts'

const BLOCK_SIZE = 4096

export const rdiff: Tool = {
  name: 'rdiff',
  how: `no backup program: signature and delta in blocks of ${BLOCK_SIZE} bytes, the delta packed by zstd`,
  isOnce: true,
  isForOneFile: true,
  version: () => versionOf('rdiff', '--version'),
  open: async (place) => new RdiffSession(place),
}

class RdiffSession implements Session {
  readonly #file: string
  readonly #yesterday: string
  readonly #signature: string
  readonly #delta: string
  #hasDelta = false

  constructor({ source, folder }: Place) {
    const name = readdirSync(source)[0]
    if (name === undefined) throw new BenchError('nothing in the source')
    this.#file = join(source, name)
    this.#yesterday = join(folder, 'yesterday')
    this.#signature = join(folder, 'signature')
    this.#delta = join(folder, 'delta')
  }

  async backup(): Promise<BackupStep> {
    const isFirst = statSync(this.#signature, { throwIfNoEntry: false }) === undefined
    if (isFirst) {
      copyFileSync(this.#file, this.#yesterday)
      return { ...(await this.#sign()), bytesNew: statSync(this.#file).size }
    }
    if (this.#hasDelta) await this.#patch(this.#yesterday)
    rmSync(this.#delta, { force: true })
    const delta = await this.#rdiff('delta', this.#signature, this.#file, this.#delta)
    this.#hasDelta = true
    const bytesNew = zstdCompressSync(readFileSync(this.#delta)).length
    rmSync(this.#signature)
    return { ...sum(delta, await this.#sign()), bytesNew }
  }

  async restore(target: string): Promise<RestoreStep> {
    const path = join(target, basename(this.#file))
    return { ...(await this.#rdiff('patch', this.#yesterday, this.#delta, path)), root: target }
  }

  stored(): number {
    return statSync(this.#yesterday).size + statSync(this.#signature).size
  }

  async close(): Promise<void> {}

  async #sign(): Promise<Usage> {
    return this.#rdiff('-b', String(BLOCK_SIZE), 'signature', this.#file, this.#signature)
  }

  async #patch(path: string): Promise<void> {
    await this.#rdiff('patch', path, this.#delta, `${path}.new`)
    copyFileSync(`${path}.new`, path)
    rmSync(`${path}.new`)
  }

  async #rdiff(...args: string[]): Promise<Usage> {
    return (await runMeasured({ program: 'rdiff', args })).usage
  }
}

function sum(one: Usage, other: Usage): Usage {
  return {
    cpuSeconds: one.cpuSeconds + other.cpuSeconds,
    wallSeconds: one.wallSeconds + other.wallSeconds,
    peakMemory: Math.max(one.peakMemory, other.peakMemory),
    peakMemoryOfAll: Math.max(one.peakMemoryOfAll, other.peakMemoryOfAll),
  }
}
