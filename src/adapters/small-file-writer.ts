/** SmallFileWriter: small files, written many at a time by a thread of their own. */

import { Worker } from 'node:worker_threads'

import { assert } from '../base/assert.ts'
import type { NewFiles, WrittenFile } from '../ports/writing.ts'
import { WorkerLostError } from './worker-compute.ts'

/** Beside this module, in the checkout as TypeScript and in the package as JavaScript. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './write-files-worker.ts' : './write-files-worker.js',
  import.meta.url,
)

/** It only passes bytes on: a young generation of the usual size would be 16 MB more. */
const LIMITS = { maxYoungGenerationSizeMb: 4 }

/** Times are set through FFI, of which Node warns. */
const QUIET = ['--disable-warning=ExperimentalWarning']

type Answer = readonly WrittenFile[]

export class SmallFileWriter {
  #worker: Worker | undefined
  /** Answers come in the order of the requests. */
  readonly #waiting: PromiseWithResolvers<Answer>[] = []

  /** @throws {WorkerLostError} the thread died: out of memory, most likely */
  write(request: NewFiles): Promise<Answer> {
    const worker = (this.#worker ??= this.#start())
    const answered = Promise.withResolvers<Answer>()
    this.#waiting.push(answered)
    worker.ref()
    const { buffer } = request.bytes
    worker.postMessage(request, buffer instanceof ArrayBuffer ? [buffer] : [])
    return answered.promise
  }

  #start(): Worker {
    const worker = new Worker(WORKER, { execArgv: QUIET, resourceLimits: LIMITS })
    worker.unref()
    worker.on('message', (answer: Answer) => {
      const first = this.#waiting.shift()
      assert(first !== undefined, 'each request has one answer')
      if (this.#waiting.length === 0) worker.unref()
      first.resolve(answer)
    })
    const lose = (message: string, cause?: unknown): void => {
      // A failing thread ends too, and by then another may have taken its place.
      if (this.#worker !== worker) return
      this.#worker = undefined
      const error = new WorkerLostError(message, { cause })
      for (const waiting of this.#waiting.splice(0)) waiting.reject(error)
    }
    worker.on('error', (cause) => lose(`the writing thread failed: ${String(cause)}`, cause))
    worker.on('exit', () => lose('the writing thread ended'))
    return worker
  }
}
