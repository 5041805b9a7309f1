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
import { STATUS_FIELDS, unpackStatus } from './status.ts'
import { WorkerLostError } from './worker-compute.ts'

/** Beside this module, in the checkout as TypeScript and in the package as JavaScript. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './read-files-worker.ts' : './read-files-worker.js',
  import.meta.url,
)

/** Extended attributes are read through FFI, of which Node warns. */
const QUIET = ['--disable-warning=ExperimentalWarning']

export class SmallFileReader {
  #worker: Worker | undefined
  /** Answers come in the order of the requests. */
  readonly #waiting: PromiseWithResolvers<PackedFiles>[] = []

  async read(requests: readonly SmallFileRequest[]): Promise<SmallFiles> {
    const worker = (this.#worker ??= this.#start())
    const answered = Promise.withResolvers<PackedFiles>()
    this.#waiting.push(answered)
    worker.ref()
    const packed = pack(requests)
    const { paths, ends, sizes } = packed
    worker.postMessage(packed, [paths.buffer, ends.buffer, sizes.buffer] as ArrayBuffer[])
    const { bytes, offsets, statuses, xattrs } = await answered.promise
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

  #start(): Worker {
    const worker = new Worker(WORKER, { execArgv: QUIET })
    worker.unref()
    worker.on('message', (answer: PackedFiles) => {
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
