/** A writer that leaves holes where the file had some. */

import type { Hole } from '../../protocol/file-extras.ts'
import type { FileWriter } from '../ports/files.ts'

/** File systems give out room in blocks of this size, or of less. */
const BLOCK_SIZE = 4_096

const ZEROS = new Uint8Array(BLOCK_SIZE)

/**
 * Bytes come out as they went in: only what is zero is skipped.
 *
 * @param holes - where to; none for wherever a block is zero
 */
export function sparseWriter(writer: FileWriter, holes: readonly Hole[]): FileWriter {
  let end = 0
  /** The hole that is ahead, or where we are. */
  let ahead = 0
  const mayBeHole = (from: number, until: number) => {
    if (holes.length === 0) return true
    for (; ahead < holes.length; ahead += 1) {
      const hole = holes[ahead] as Hole
      if (hole.offset + hole.size > from)
        return hole.offset <= from && until <= hole.offset + hole.size
    }
    return false
  }
  return {
    write: async (bytes) => {
      let run = { start: 0, isHole: false }
      const flush = async (until: number) => {
        if (until === run.start) return
        if (run.isHole) await writer.skip(until - run.start)
        else await writer.write(bytes.subarray(run.start, until))
      }
      for (let at = 0; at < bytes.length;) {
        const next = Math.min(bytes.length, at + BLOCK_SIZE - ((end + at) % BLOCK_SIZE))
        const isHole = mayBeHole(end + at, end + next) && isZero(bytes.subarray(at, next))
        if (isHole !== run.isHole) {
          await flush(at)
          run = { start: at, isHole }
        }
        at = next
      }
      await flush(bytes.length)
      end += bytes.length
    },
    skip: async (size) => {
      await writer.skip(size)
      end += size
    },
    read: (offset, length) => writer.read(offset, length),
    sync: () => writer.sync(),
    close: () => writer.close(),
  }
}

function isZero(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0
}
