/** What runs in the thread of GuardedCalls: calls that only a thread of their own may make, since they may hang. */

import { lstatSync, readlinkSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'

import type { Hole, Xattr } from '../../protocol/file-extras.ts'
import { assert } from '../base/assert.ts'
import { FilesError } from '../base/errors.ts'
import type { LookedAt, PathBytes, Unseen } from '../ports/files.ts'
import { holesOf, nextData } from './holes.ts'
import { toStatus } from './status.ts'
import { toFilesError } from './system.ts'
import { readXattrs, readXattrsOf } from './xattrs.ts'

/** An error as it crosses to another thread. */
export interface Failed {
  readonly code: string
  readonly message: string
}

/** What there is to do, and what comes of it. Descriptors are the whole process's. */
export interface Tasks {
  look: {
    readonly task: { readonly paths: readonly PathBytes[]; readonly at: Int32Array }
    readonly result: readonly (LookedAt | Unseen)[]
  }
  xattrs: {
    readonly task: { readonly file: number; readonly path: PathBytes }
    readonly result: readonly Xattr[]
  }
  holes: {
    readonly task: { readonly file: number; readonly size: number; readonly countMax: number }
    readonly result: readonly Hole[]
  }
  data: {
    readonly task: { readonly file: number; readonly offset: number }
    readonly result: number | undefined
  }
}

export type Task = { [K in keyof Tasks]: { readonly type: K } & Tasks[K]['task'] }[keyof Tasks]

export type Answer =
  | { readonly type: 'done'; readonly result: Tasks[keyof Tasks]['result'] }
  | { readonly type: 'failed'; readonly failed: Failed }

assert(parentPort !== null, 'this module is started as a worker')
const port = parentPort

port.on('message', (task: Task) => port.postMessage(answerTo(task), []))

function answerTo(task: Task): Answer {
  try {
    return { type: 'done', result: resultOf(task) }
  } catch (error) {
    return { type: 'failed', failed: toFailed(error) }
  }
}

function resultOf(task: Task): Tasks[keyof Tasks]['result'] {
  switch (task.type) {
    case 'look':
      return task.paths.map((path, index) => {
        Atomics.store(task.at, 0, index)
        return lookAt(path)
      })
    case 'xattrs':
      return readXattrsOf(task.file, task.path)
    case 'holes':
      return holesOf(task.file, task.size, task.countMax)
    default:
      return nextData(task.file, task.offset)
  }
}

function lookAt(path: PathBytes): LookedAt | Unseen {
  const name = Buffer.from(path)
  try {
    const xattrs = readXattrs(path)
    const status = toStatus(lstatSync(name, { bigint: true }))
    if (status.kind !== 'symlink') return { status, xattrs, target: undefined }
    return { status, xattrs, target: new Uint8Array(readlinkSync(name, { encoding: 'buffer' })) }
  } catch (error) {
    return { code: toFailed(toFilesError('', error)).code }
  }
}

function toFailed(error: unknown): Failed {
  if (error instanceof FilesError) return { code: error.code, message: error.message }
  throw error
}
