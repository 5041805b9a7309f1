/** What runs in the thread of a FolderScan: for each message it gets, the next batch. */

import { parentPort, workerData } from 'node:worker_threads'

import { assert } from '../base/assert.ts'
import type { Scanned, ScanRequest } from '../ports/scan.ts'
import { walkFolders } from './walk-folders.ts'
import { Whereabouts } from './whereabouts.ts'

/** What the thread is started with. */
export interface ScanTask {
  readonly request: ScanRequest
  readonly shared: SharedArrayBuffer
  readonly stalled: readonly string[]
}

/** The answer to each message, in order. */
export interface ScanAnswer {
  readonly batch: readonly Scanned[]
  /** There is nothing more. */
  readonly isLast: boolean
}

/** Packed bytes of a batch: some thousands of files. */
const BATCH_SIZE = 512 * 1024

/** Stretches of a batch: folders may be empty. */
const BATCH_COUNT_MAX = 1_024

assert(parentPort !== null, 'this module is started as a worker')
const port = parentPort

// Whoever starts this thread passes a task.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const { request, shared, stalled } = workerData as ScanTask
const whereabouts = new Whereabouts(shared)
const walk = walkFolders(request, {
  stalled,
  enter: (folder) => whereabouts.enter(folder),
  see: (name) => whereabouts.see(name),
})

port.on('message', () => {
  const answer = next()
  const buffers = answer.batch.flatMap((scanned) =>
    scanned.type === 'stretch' ? [scanned.records.buffer as ArrayBuffer] : [],
  )
  port.postMessage(answer, buffers)
})

function next(): ScanAnswer {
  const batch: Scanned[] = []
  let size = 0
  while (size < BATCH_SIZE && batch.length < BATCH_COUNT_MAX) {
    const { done, value } = walk.next()
    if (done === true) return { batch, isLast: true }
    batch.push(value)
    if (value.type === 'stretch') size += value.records.length
  }
  return { batch, isLast: false }
}
