/** What runs in the thread of SmallFileWriter. */

import { parentPort } from 'node:worker_threads'

import { assert } from '../base/assert.ts'
import { release } from '../codec/buffers.ts'
import type { NewFiles } from '../ports/writing.ts'
import { writeFiles } from './write-files.ts'

assert(parentPort !== null, 'this module is started as a worker')
const port = parentPort

port.on('message', (request: NewFiles) => {
  const written = writeFiles(request)
  release(request.bytes)
  port.postMessage(written)
})
