/**
 * FolderWatch: watching folders in a worker thread.
 *
 * Waiting for the kernel's news blocks, and so may any look at a folder on a slow disk; only this thread waits.
 */

import { closeSync, writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'

import { orAbort } from '../base/abort.ts'
import type { Watched, Watching, WatchRequest } from '../ports/watching.ts'
import type { WatchMessage, WatchTask } from './watch-worker.ts'
import { Whereabouts } from './whereabouts.ts'
import { WorkerLostError } from './worker-compute.ts'

/** Beside this module, in the checkout as TypeScript and in the package as JavaScript. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './watch-worker.ts' : './watch-worker.js',
  import.meta.url,
)

const QUIET = ['--disable-warning=ExperimentalWarning']
const LIMITS = { maxYoungGenerationSizeMb: 4 }

/** What a call that never ends is given up with. */
const STALLED = 'ETIMEDOUT'

export class FolderWatch implements Watching {
  readonly #stallMs: number

  /** @param options.stallMs - how long one call may take before the thread is left behind */
  constructor({ stallMs }: { readonly stallMs: number }) {
    this.#stallMs = stallMs
  }

  /** @throws {WorkerLostError} the thread died: out of memory, most likely */
  async *watch(request: WatchRequest, signal: AbortSignal): AsyncGenerator<readonly Watched[]> {
    const whereabouts = new Whereabouts()
    const task: WatchTask = { request, shared: whereabouts.shared }
    const worker = new Worker(WORKER, {
      workerData: task,
      execArgv: QUIET,
      resourceLimits: LIMITS,
    })
    const news = new News(worker)
    let isStuck = false
    let steps = -1
    const timer = setInterval(() => {
      isStuck = whereabouts.steps === steps
      steps = whereabouts.steps
      if (!isStuck) return
      clearInterval(timer)
      const path = new Uint8Array(Buffer.from(whereabouts.path, 'latin1'))
      news.end([
        { type: 'unwatched', code: STALLED, path },
        { type: 'ready', folders: 0 },
      ])
    }, this.#stallMs)
    try {
      for (;;) yield await orAbort(news.next(), signal)
    } finally {
      clearInterval(timer)
      const ended = worker.terminate()
      const { files } = news
      if (files !== undefined) writeSync(files.wake, new BigUint64Array(1).fill(1n))
      if (isStuck) worker.unref()
      else {
        await ended
        for (const file of [files?.news, files?.wake]) if (file !== undefined) closeSync(file)
      }
    }
  }
}

/** What the thread tells, put together until it is asked for. */
class News {
  /** The thread's descriptors. */
  files: { readonly news: number; readonly wake: number } | undefined
  #found: Watched[] = []
  #failure: Error | undefined
  #isOver = false
  #wake = (): void => undefined

  constructor(worker: Worker) {
    worker.on('message', (message: WatchMessage) => {
      if ('wake' in message) this.files = message
      else if (!this.#isOver) this.#add(message)
    })
    worker.on('error', (cause) => this.#fail(`the watching thread failed: ${String(cause)}`, cause))
  }

  /** Nothing more is heard after this. */
  end(last: readonly Watched[]): void {
    this.#isOver = true
    this.#add(last)
  }

  /** @returns at least one */
  async next(): Promise<readonly Watched[]> {
    while (this.#found.length === 0) {
      if (this.#failure !== undefined) throw this.#failure
      const woken = Promise.withResolvers<void>()
      this.#wake = woken.resolve
      await woken.promise
    }
    const found = this.#found
    this.#found = []
    return found
  }

  #add(found: readonly Watched[]): void {
    for (const each of found) this.#found.push(each)
    this.#wake()
  }

  #fail(message: string, cause: unknown): void {
    this.#failure ??= new WorkerLostError(message, { cause })
    this.#wake()
  }
}
