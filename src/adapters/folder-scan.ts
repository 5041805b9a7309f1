/**
 * FolderScan: a scan in a worker thread.
 *
 * Synchronous calls cost a quarter of the thread pool's, and a slow disk holds up only this thread. It
 * makes one batch for each message it gets, so what is made ahead is bounded.
 */

import { Worker } from 'node:worker_threads'

import { compare, toHex } from '../../protocol/bytes.ts'
import { orAbort } from '../base/abort.ts'
import type { Scanned, ScanRequest } from '../ports/scan.ts'
import { join, pathToKey } from '../source/path.ts'
import type { ScanAnswer, ScanTask } from './scan-worker.ts'
import { Stalls } from './stalls.ts'
import { Whereabouts } from './whereabouts.ts'
import { WorkerLostError } from './worker-compute.ts'

/** Beside this module, in the checkout as TypeScript and in the package as JavaScript. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './scan-worker.ts' : './scan-worker.js',
  import.meta.url,
)

/** What a call that never ends is given up with. */
const STALLED = 'ETIMEDOUT'

/** Batches made ahead of the reader: while one is compared, the next is on its way. */
const AHEAD = 2

/** It only packs bytes: a young generation of the usual size would be 16 MB more. */
const LIMITS = { maxYoungGenerationSizeMb: 4 }

/**
 * Where nothing answers for a while the thread is left behind, and another goes on beside that place.
 *
 * @throws {WorkerLostError} the thread died: out of memory, most likely
 */
export async function* scanInThread(
  request: ScanRequest,
  signal: AbortSignal,
  stalls: Stalls = new Stalls(),
): AsyncGenerator<readonly Scanned[]> {
  let last: Place | undefined
  const told = new ToldStalls()
  for (;;) {
    signal.throwIfAborted()
    const walk = new ThreadWalk(request, stalls)
    let stalledAt: string | undefined
    try {
      for await (const batch of walk.batches(signal)) {
        // A walk that begins anew comes by where the one before was.
        const before = last
        const ahead = batch.filter((scanned) => isBehind(scanned, before))
        const fresh = ahead.filter((scanned) => told.isNew(scanned))
        const place = batch.findLast(({ type }) => type === 'stretch')
        if (place !== undefined && isBehind(place, last)) last = placeOf(place)
        if (fresh.length > 0) yield fresh
      }
      return
    } catch (error) {
      if (!(error instanceof StalledError)) throw error
      stalledAt = error.path
    } finally {
      await walk.end()
    }
    const folder = new Uint8Array(Buffer.from(stalls.note(stalledAt), 'latin1'))
    const unlisted: Scanned = { type: 'unlisted', folder, code: STALLED }
    // If it is not behind, its own place was passed: nobody else will tell.
    if (!isBehind(unlisted, last) && told.isNew(unlisted)) yield [unlisted]
  }
}

/** Places where nothing answers, each told once: in the stretch that it lies in, or by itself. */
class ToldStalls {
  readonly #paths = new Set<string>()

  isNew(scanned: Scanned): boolean {
    if (scanned.type === 'stretch') {
      for (const { name, code } of scanned.troubles) {
        if (code === STALLED) this.#paths.add(toHex(join(scanned.folder, name)))
      }
    }
    if (scanned.type !== 'unlisted' || scanned.code !== STALLED) return true
    const path = toHex(scanned.folder)
    const isNew = !this.#paths.has(path)
    this.#paths.add(path)
    return isNew
  }
}

/** Where a walk was. */
interface Place {
  readonly folder: Uint8Array
  /** Of a stretch: where it begins. */
  readonly after: Uint8Array | undefined
}

function placeOf(scanned: Scanned): Place {
  const folder = pathToKey(scanned.folder)
  return { folder, after: scanned.type === 'stretch' ? scanned.after : undefined }
}

function isBehind(scanned: Scanned, last: Place | undefined): boolean {
  if (last === undefined) return true
  const { folder, after } = placeOf(scanned)
  const order = compare(folder, last.folder)
  if (order !== 0) return order > 0
  return after !== undefined && compare(after, last.after ?? new Uint8Array(0)) > 0
}

/** The thread hangs in a call. */
class StalledError extends Error {
  readonly path: string

  constructor(path: string) {
    super(`${path} does not answer`)
    this.path = path
  }
}

/** One thread's walk. */
class ThreadWalk {
  readonly #whereabouts = new Whereabouts()
  readonly #stalls: Stalls
  readonly #worker: Worker
  #isStuck = false

  constructor(request: ScanRequest, stalls: Stalls) {
    this.#stalls = stalls
    const task: ScanTask = { request, shared: this.#whereabouts.shared, stalled: stalls.places }
    this.#worker = new Worker(WORKER, { workerData: task, execArgv: [], resourceLimits: LIMITS })
  }

  /** @throws {StalledError} */
  async *batches(signal: AbortSignal): AsyncGenerator<readonly Scanned[]> {
    const worker = this.#worker
    const answers = new Answers(worker)
    for (let count = 0; count < AHEAD; count += 1) worker.postMessage('next', [])
    for (let isLast = false; !isLast;) {
      const answer = await this.#watched(orAbort(answers.next(), signal))
      isLast = answer.isLast
      if (!isLast) worker.postMessage('next', [])
      if (answer.batch.length > 0) yield answer.batch
    }
  }

  async end(): Promise<void> {
    const ended = this.#worker.terminate()
    if (!this.#isStuck) await ended
    else this.#worker.unref()
  }

  /** It moves, or the wait is over. */
  async #watched<T>(answer: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>()
    let steps = -1
    const timer = setInterval(() => {
      if (steps > 0 && this.#whereabouts.steps === steps) {
        this.#isStuck = true
        late.reject(new StalledError(this.#whereabouts.path))
      }
      steps = this.#whereabouts.steps
    }, this.#stalls.ms / 2)
    // Of two that may fail only one is waited for.
    answer.catch(() => undefined)
    late.promise.catch(() => undefined)
    try {
      return await Promise.race([answer, late.promise])
    } finally {
      clearInterval(timer)
    }
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
