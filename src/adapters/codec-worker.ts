/** What runs in a worker thread of WorkerCompute: the codecs of one table, and their runs. */

import { parentPort, workerData } from 'node:worker_threads'

import { assert } from '../base/assert.ts'
import type { Codec, CodecTable } from '../ports/compute.ts'
import { handOver, toFailure } from './worker-messages.ts'
import type { Answer, Call } from './worker-messages.ts'

assert(parentPort !== null, 'this module is started as a worker')
const port = parentPort

const { codecs }: { codecs: CodecTable } = await import(String(workerData))
const runs = new Map<number, Codec<unknown, unknown>>()

port.on('message', ({ call, run, work }: Call) => {
  try {
    reply({ call, outputs: perform(run, work) })
  } catch (error) {
    runs.delete(run)
    reply({ call, failure: toFailure(error) })
  }
})

function perform(run: number, work: Call['work']): unknown[] {
  switch (work.type) {
    case 'open': {
      const make = codecs[work.codec]
      assert(make !== undefined, 'codecs are opened by the names in their table')
      runs.set(run, make(work.params))
      return []
    }
    case 'push':
      return codecOf(run).push(work.input)
    case 'close': {
      const codec = codecOf(run)
      runs.delete(run)
      return codec.close()
    }
    default:
      runs.delete(run)
      return []
  }
}

function codecOf(run: number): Codec<unknown, unknown> {
  const codec = runs.get(run)
  assert(codec !== undefined, 'a run gets no call after it ended')
  return codec
}

function reply(answer: Answer): void {
  const { value, buffers } = handOver(answer)
  port.postMessage(value, buffers)
}
