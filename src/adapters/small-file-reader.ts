/**
 * Small files, read many at a time by a thread of their own with synchronous calls.
 *
 * Through the thread pool each of open, status, read and close costs some 50 µs of processor time;
 * here all of them together take about 10. A slow disk holds up only this thread.
 */

import { Worker } from 'node:worker_threads'

import { assert } from '../base/assert.ts'
import type { SmallFileRequest, SmallFiles } from '../ports/files.ts'
import type { PackedFiles, PackedRequests } from './read-files-worker.ts'
import { leaveThread, Stalls } from './stalls.ts'
import { STATUS_FIELDS, unpackStatus } from './status.ts'
import { WorkerLostError } from './worker-compute.ts'

/** Beside this module, in the checkout as TypeScript and in the package as JavaScript. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './read-files-worker.ts' : './read-files-worker.js',
  import.meta.url,
)

/** What those wait for who asked a thread that hangs. */
const NOTHING: PackedFiles = {
  bytes: new Uint8Array(0),
  offsets: new Float64Array(0),
  statuses: new BigInt64Array(0),
  xattrs: new Map(),
}
/** Extended attributes are read through FFI, of which Node warns. */
const QUIET = ['--disable-warning=ExperimentalWarning']

export class SmallFileReader {
  #worker: Worker | undefined
  /** Answers come in the order of the requests. */
  readonly #waiting: PromiseWithResolvers<PackedFiles>[] = []

  readonly #stalls: Stalls

  constructor(stalls: Stalls = new Stalls()) {
    this.#stalls = stalls
  }

  async read(requests: readonly SmallFileRequest[]): Promise<SmallFiles> {
    const nothing = { bytes: new Uint8Array(0), files: requests.map(() => undefined) }
    // By themselves those that hang are given up, and the others are read.
    if (requests.some(({ path }) => this.#stalls.has(Buffer.from(path).toString('latin1')))) {
      return nothing
    }
    const worker = (this.#worker ??= this.#start())
    const answered = Promise.withResolvers<PackedFiles>()
    this.#waiting.push(answered)
    worker.ref()
    const packed = pack(requests)
    const { paths, ends, sizes } = packed
    worker.postMessage(packed, [paths.buffer, ends.buffer, sizes.buffer] as ArrayBuffer[])
    const answer = await this.#inTime(worker, answered.promise)
    if (answer === undefined) return nothing
    const { bytes, offsets, statuses, xattrs } = answer
    const files = Array.from(offsets, (offset, index) =>
      offset < 0
        ? undefined
        : {
            status: unpackStatus(statuses, index * STATUS_FIELDS),
            offset,
            xattrs: xattrs.get(index) ?? [],
          },
    )
    return { bytes, files }
  }

  /** @returns undefined where the thread hangs: it is left behind, and the next has another */
  async #inTime(worker: Worker, answer: Promise<PackedFiles>): Promise<PackedFiles | undefined> {
    const late = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => {
      leaveThread()
      if (this.#worker === worker) {
        this.#worker = undefined
        for (const waiting of this.#waiting.splice(0)) waiting.resolve(NOTHING)
      }
      worker.unref()
      void worker.terminate()
      late.resolve(undefined)
    }, this.#stalls.ms)
    try {
      const first = await Promise.race([answer, late.promise])
      return first === NOTHING ? undefined : first
    } finally {
      clearTimeout(timer)
    }
  }

  #start(): Worker {
    const worker = new Worker(WORKER, { execArgv: QUIET })
    worker.unref()
    worker.on('message', (answer: PackedFiles) => {
      // It was given up, and answers after all.
      if (this.#worker !== worker) return
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
    worker.on('error', (cause) =>
      lose(`the thread that reads files failed: ${String(cause)}`, cause),
    )
    worker.on('exit', () => lose('the thread that reads files ended'))
    return worker
  }
}

/** A view that crosses to a thread takes the whole buffer below it along, so paths share one of their own. */
function pack(requests: readonly SmallFileRequest[]): PackedRequests {
  let end = 0
  const ends = Uint32Array.from(requests, ({ path }) => (end += path.length))
  const paths = new Uint8Array(end)
  for (const [index, { path }] of requests.entries()) {
    paths.set(path, (ends[index] as number) - path.length)
  }
  return { paths, ends, sizes: Float64Array.from(requests, ({ size }) => size) }
}
