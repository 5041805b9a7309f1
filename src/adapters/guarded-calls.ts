/**
 * Guarded calls: what Node has only as synchronous calls, in a thread of their own, so that a file system that
 * does not answer holds up nobody but the thread.
 *
 * Tasks are done one after another. Where one does not end, its thread is left behind, and those behind it have
 * another.
 */

import { Worker } from 'node:worker_threads'

import type { Hole, Xattr } from '../../protocol/file-extras.ts'
import { assert } from '../base/assert.ts'
import { FilesError } from '../base/errors.ts'
import type { LookedAt, PathBytes, Unseen } from '../ports/files.ts'
import type { Answer, Task, Tasks } from './path-worker.ts'
import { stalled, type Stalls } from './stalls.ts'
import { WorkerLostError } from './worker-compute.ts'

/** Beside this module, in the checkout as TypeScript and in the package as JavaScript. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './path-worker.ts' : './path-worker.js',
  import.meta.url,
)

/** Calls go through FFI, of which Node warns. */
const QUIET = ['--disable-warning=ExperimentalWarning']

/** It only passes on what it is told: a young generation of the usual size would be 16 MB more. */
const LIMITS = { maxYoungGenerationSizeMb: 4 }

const STALLED: Unseen = { code: 'ETIMEDOUT' }

/** A task under way. */
interface Waiting {
  readonly answered: PromiseWithResolvers<Answer | undefined>
  /** Where it is; one character a byte. */
  readonly path: () => string
}

export class GuardedCalls {
  readonly #stalls: Stalls
  #worker: Worker | undefined
  /** Answers come in the order of the tasks. */
  readonly #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(stalls: Stalls) {
    this.#stalls = stalls
  }

  async look(paths: readonly PathBytes[]): Promise<(LookedAt | Unseen)[]> {
    const names = paths.map((path) => Buffer.from(path).toString('latin1'))
    for (;;) {
      const open = [...paths.keys()].filter((index) => !this.#stalls.has(names[index] as string))
      if (open.length === 0) return names.map(() => STALLED)
      const at = new Int32Array(new SharedArrayBuffer(4))
      const where = () => names[open[Atomics.load(at, 0)] as number] as string
      const wanted = open.map((index) => paths[index] as PathBytes)
      const answer = await this.#once({ type: 'look', paths: wanted, at }, where)
      // One of them does not answer: the others are asked again.
      if (answer === undefined) continue
      const looked = resultOf('look', answer)
      const found = new Map(open.map((index, place) => [index, looked[place]]))
      return names.map((_, index) => found.get(index) ?? STALLED)
    }
  }

  /** @throws {FilesError} */
  xattrs(file: number, path: PathBytes): Promise<readonly Xattr[]> {
    return this.#ask({ type: 'xattrs', file, path }, path)
  }

  holes(file: number, path: PathBytes, size: number, countMax: number): Promise<readonly Hole[]> {
    return this.#ask({ type: 'holes', file, size, countMax }, path)
  }

  /** @returns as `nextData` in holes.ts */
  nextData(file: number, path: PathBytes, offset: number): Promise<number | undefined> {
    return this.#ask({ type: 'data', file, offset }, path)
  }

  /** @throws {FilesError} ETIMEDOUT where nothing answers; else the task's own */
  async #ask<K extends Exclude<keyof Tasks, 'look'>>(
    task: { readonly type: K } & Tasks[K]['task'] & Task,
    path: PathBytes,
  ): Promise<Tasks[K]['result']> {
    const name = Buffer.from(path).toString('latin1')
    for (;;) {
      if (this.#stalls.has(name)) throw stalled(name)
      const answer = await this.#once(task, () => name)
      if (answer !== undefined) return resultOf(task.type, answer)
    }
  }

  /** @returns undefined if the thread was left behind, for this task or one before it */
  async #once(task: Task, path: Waiting['path']): Promise<Answer | undefined> {
    const worker = (this.#worker ??= this.#start())
    const answered = Promise.withResolvers<Answer | undefined>()
    this.#waiting.push({ answered, path })
    worker.ref()
    if (this.#waiting.length === 1) this.#watch(worker)
    worker.postMessage(task, [])
    return answered.promise
  }

  /** The first of those that wait is given up if it stays where it is. */
  #watch(worker: Worker): void {
    clearTimeout(this.#timer)
    const [first] = this.#waiting
    if (first === undefined) return
    const before = first.path()
    this.#timer = setTimeout(() => {
      if (first.path() !== before) return this.#watch(worker)
      this.#stalls.note(before)
      this.#worker = undefined
      worker.unref()
      void worker.terminate()
      for (const { answered } of this.#waiting.splice(0)) answered.resolve(undefined)
    }, this.#stalls.ms)
  }

  #start(): Worker {
    const worker = new Worker(WORKER, { execArgv: QUIET, resourceLimits: LIMITS })
    worker.unref()
    worker.on('message', (answer: Answer) => {
      // It was given up, and answers after all.
      if (this.#worker !== worker) return
      const first = this.#waiting.shift()
      assert(first !== undefined, 'each task has one answer')
      this.#watch(worker)
      if (this.#waiting.length === 0) worker.unref()
      first.answered.resolve(answer)
    })
    const lose = (message: string, cause?: unknown): void => {
      if (this.#worker !== worker) return
      this.#worker = undefined
      clearTimeout(this.#timer)
      const error = new WorkerLostError(message, { cause })
      for (const { answered } of this.#waiting.splice(0)) answered.reject(error)
    }
    worker.on('error', (cause) =>
      lose(`the thread that looks at files failed: ${String(cause)}`, cause),
    )
    worker.on('exit', () => lose('the thread that looks at files ended'))
    return worker
  }
}

/**
 * @param _type - of the task, which is what says what an answer is: they come in the order of the tasks
 * @throws {FilesError}
 */
function resultOf<K extends keyof Tasks>(_type: K, answer: Answer): Tasks[K]['result'] {
  if (answer.type === 'failed') throw new FilesError(answer.failed.code, answer.failed.message)
  return answer.result
}
