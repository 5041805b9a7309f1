/**
 * FolderScan: a scan in a worker thread.
 *
 * Synchronous calls cost a quarter of the thread pool's, and a slow disk holds up only this thread. It
 * makes one batch for each message it gets, so what is made ahead is bounded.
 */

import { Worker } from 'node:worker_threads'

import { orAbort } from '../base/abort.ts'
import type { Scanned, ScanRequest } from '../ports/scan.ts'
import type { ScanAnswer } from './scan-worker.ts'
import { WorkerLostError } from './worker-compute.ts'

/** Beside this module, in the checkout as TypeScript and in the package as JavaScript. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './scan-worker.ts' : './scan-worker.js',
  import.meta.url,
)

/** Batches made ahead of the reader: while one is compared, the next is on its way. */
const AHEAD = 2

/** It only packs bytes: a young generation of the usual size would be 16 MB more. */
const LIMITS = { maxYoungGenerationSizeMb: 4 }

/** @throws {WorkerLostError} the thread died: out of memory, most likely */
export async function* scanInThread(
  request: ScanRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly Scanned[]> {
  signal.throwIfAborted()
  const worker = new Worker(WORKER, { workerData: request, execArgv: [], resourceLimits: LIMITS })
  const answers = new Answers(worker)
  try {
    for (let count = 0; count < AHEAD; count += 1) worker.postMessage('next', [])
    for (let isLast = false; !isLast;) {
      const answer = await orAbort(answers.next(), signal)
      isLast = answer.isLast
      if (!isLast) worker.postMessage('next', [])
      if (answer.batch.length > 0) yield answer.batch
    }
  } finally {
    await worker.terminate()
  }
}

/** What a worker answers, in order. */
class Answers {
  readonly #ready: ScanAnswer[] = []
  #waiting: PromiseWithResolvers<ScanAnswer> | undefined
  /** Why no answer comes any more. */
  #end: Error | undefined

  constructor(worker: Worker) {
    worker.on('message', (answer: ScanAnswer) => {
      if (this.#waiting === undefined) this.#ready.push(answer)
      else this.#waiting.resolve(answer)
      this.#waiting = undefined
    })
    const lose = (message: string, cause?: unknown): void => {
      this.#end ??= new WorkerLostError(message, { cause })
      this.#waiting?.reject(this.#end)
      this.#waiting = undefined
    }
    worker.on('error', (cause) => lose(`the scanning thread failed: ${String(cause)}`, cause))
    worker.on('exit', () => lose('the scanning thread ended'))
  }

  /** One at a time: await each before the next. */
  async next(): Promise<ScanAnswer> {
    const ready = this.#ready.shift()
    if (ready !== undefined) return ready
    if (this.#end !== undefined) throw this.#end
    this.#waiting = Promise.withResolvers()
    return this.#waiting.promise
  }
}
