/** What runs in the thread of SmallFileReader: files are opened, read and closed, one after another. */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { parentPort } from 'node:worker_threads'

import type { Xattr } from '../../protocol/file-extras.ts'
import { assert } from '../base/assert.ts'
import { holesOf, mayHaveHoles } from './holes.ts'
import { packStatus, STATUS_FIELDS } from './status.ts'
import { readXattrsOf } from './xattrs.ts'

export interface PackedRequests {
  /** All paths, one after the other. */
  readonly paths: Uint8Array
  /** Where each path ends. */
  readonly ends: Uint32Array
  /** Bytes that each file is believed to have. */
  readonly sizes: Float64Array
}

/** The answer to a list of requests. */
export interface PackedFiles {
  readonly bytes: Uint8Array
  /** Where each file's bytes begin; −1 for those left out. */
  readonly offsets: Float64Array
  /** `STATUS_FIELDS` numbers for each file. */
  readonly statuses: BigInt64Array
  /** Of those files that have any. */
  readonly xattrs: ReadonlyMap<number, readonly Xattr[]>
}

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants

assert(parentPort !== null, 'this module is started as a worker')
const port = parentPort

port.on('message', (requests: PackedRequests) => {
  const answer = readAll(requests)
  const { bytes, offsets, statuses } = answer
  port.postMessage(answer, [bytes.buffer, offsets.buffer, statuses.buffer] as ArrayBuffer[])
})

function readAll({ paths, ends, sizes }: PackedRequests): PackedFiles {
  // One byte more than a file is believed to have: it tells whether it grew.
  const room = sizes.reduce((sum, size) => sum + size, 0) + 1
  const bytes = new Uint8Array(room)
  const offsets = new Float64Array(sizes.length).fill(-1)
  const statuses = new BigInt64Array(sizes.length * STATUS_FIELDS)
  const xattrs = new Map<number, readonly Xattr[]>()
  let end = 0
  for (const [index, size] of sizes.entries()) {
    const path = paths.subarray(ends[index - 1] ?? 0, ends[index])
    const read = readOne(path, bytes.subarray(end, end + size + 1), size)
    if (read === undefined) continue
    if (read.xattrs.length > 0) xattrs.set(index, read.xattrs)
    offsets[index] = end
    packStatus(read.status, statuses, index * STATUS_FIELDS)
    end += size
  }
  return { bytes, offsets, statuses, xattrs }
}

interface ReadFile {
  readonly status: BigIntStats
  readonly xattrs: readonly Xattr[]
}

/** @returns undefined if it failed, changed, has holes, or is another file than was asked for */
function readOne(path: Uint8Array, target: Uint8Array, size: number): ReadFile | undefined {
  let file: number
  try {
    file = openSync(Buffer.from(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch {
    return undefined
  }
  try {
    const before = fstatSync(file, { bigint: true })
    if (!before.isFile() || before.size !== BigInt(size)) return undefined
    if (mayHaveHoles(before) && holesOf(file, size, 1).length > 0) return undefined
    if (readFully(file, target) !== size) return undefined
    const xattrs = readXattrsOf(file, path)
    const status = fstatSync(file, { bigint: true })
    return isSameState(before, status) ? { status, xattrs } : undefined
  } catch {
    return undefined
  } finally {
    closeSync(file)
  }
}

function readFully(file: number, target: Uint8Array): number {
  let done = 0
  while (done < target.length) {
    const count = readSync(file, target, done, target.length - done, done)
    if (count === 0) break
    done += count
  }
  return done
}

function isSameState(before: BigIntStats, after: BigIntStats): boolean {
  return (
    before.size === after.size &&
    before.mtimeNs === after.mtimeNs &&
    before.ctimeNs === after.ctimeNs
  )
}
