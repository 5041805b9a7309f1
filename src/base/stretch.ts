/**
 * Stretches: the children of a folder, in order of their names, cut into runs and packed.
 *
 * Cuts depend on names alone: a new file changes the stretch it lies in and no other, and a folder of
 * a million files is compared some thousands at a time. A record is the length of the name (u16), the
 * packed status (50 bytes, src/base/entry-status.ts) and the name.
 */

import { sha256 } from '../../protocol/hash.ts'
import type { PathBytes } from '../ports/files.ts'
import type { ScanTrouble, Stretch } from '../ports/scan.ts'
import {
  kindOf,
  packInto,
  PACKED_STATUS_SIZE,
  type EntryKind,
  type SystemStatus,
} from './entry-status.ts'

/** One name in 2^12 ends a stretch: most folders are one, and a long one is some 300 KiB. */
const CUT_BITS = 12

const HEADER_SIZE = 2 + PACKED_STATUS_SIZE

/** Where a length would stand if another record followed; no name is as long. */
const END = 0xffff

const BUFFER_SIZE_MIN = 64 * 1024

/** @returns whether a stretch ends with this name, given one character a byte (latin1) */
export function isCut(name: string): boolean {
  // FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/
  let hash = 0x811c9dc5
  for (let index = 0; index < name.length; index += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193)
  }
  return hash >>> (32 - CUT_BITS) === 0
}

/** Packs one stretch after another; each array it gives is the caller's own. */
export class StretchBuilder {
  #buffer = Buffer.alloc(BUFFER_SIZE_MIN)
  #view = viewOf(this.#buffer)
  #size = 0
  #troubles: ScanTrouble[] = []
  #files = 0
  #folders = 0
  #symlinks = 0
  #specials = 0
  #bytes = 0
  #unsupported = 0
  #leftOut = 0

  /**
   * The next child.
   *
   * @param name - one character a byte (latin1)
   * @returns its kind; `undefined` for what is not backed up, which is counted only
   */
  add(name: string, status: SystemStatus): EntryKind | undefined {
    const kind = kindOf(Number(status.mode))
    if (kind === undefined) {
      this.#unsupported += 1
      return undefined
    }
    this.#reserve(HEADER_SIZE + name.length)
    this.#view.setUint16(this.#size, name.length)
    packInto(this.#view, this.#size + 2, status)
    this.#buffer.write(name, this.#size + HEADER_SIZE, 'latin1')
    this.#size += HEADER_SIZE + name.length
    if (kind === 'folder') this.#folders += 1
    else if (kind === 'symlink') this.#symlinks += 1
    else if (kind === 'file') {
      this.#files += 1
      this.#bytes += Number(status.size)
    } else this.#specials += 1
    return kind
  }

  /** The next child is left out by a rule. */
  leaveOut(): void {
    this.#leftOut += 1
  }

  /** The next child could not be seen. */
  fail(name: string, code: string): void {
    this.#troubles.push({ name: latin1(name), code })
  }

  /** End the stretch. */
  finish(folder: PathBytes, after: string, until: string | undefined): Stretch {
    const records = new Uint8Array(this.#buffer.subarray(0, this.#size))
    const stretch: Stretch = {
      type: 'stretch',
      folder,
      after: latin1(after),
      until: until === undefined ? undefined : latin1(until),
      records,
      digest: this.#digest(until),
      files: this.#files,
      folders: this.#folders,
      symlinks: this.#symlinks,
      specials: this.#specials,
      bytes: this.#bytes,
      unsupported: this.#unsupported,
      leftOut: this.#leftOut,
      troubles: this.#troubles,
    }
    this.#size = 0
    this.#troubles = []
    this.#files = this.#folders = this.#symlinks = this.#specials = 0
    this.#bytes = this.#unsupported = 0
    this.#leftOut = 0
    return stretch
  }

  /** Where the stretch begins is the key under which its digest is kept; where it ends is hashed. */
  #digest(until: string | undefined): Uint8Array {
    const last = until ?? ''
    this.#reserve(3 + last.length)
    this.#view.setUint16(this.#size, END)
    this.#view.setUint8(this.#size + 2, until === undefined ? 0 : 1)
    this.#buffer.write(last, this.#size + 3, 'latin1')
    return sha256(this.#buffer.subarray(0, this.#size + 3 + last.length))
  }

  #reserve(more: number): void {
    if (this.#size + more <= this.#buffer.length) return
    const grown = Buffer.alloc(2 * this.#buffer.length + more)
    grown.set(this.#buffer.subarray(0, this.#size))
    this.#buffer = grown
    this.#view = viewOf(grown)
  }
}

/** A record, as views of the stretch. */
export interface StretchRecord {
  readonly name: Uint8Array
  /** Packed. */
  readonly status: Uint8Array
}

export function* recordsOf(records: Uint8Array): Generator<StretchRecord, undefined> {
  const view = viewOf(records)
  for (let at = 0; at < records.length;) {
    const start = at + HEADER_SIZE
    const end = start + view.getUint16(at)
    yield { status: records.subarray(at + 2, start), name: records.subarray(start, end) }
    at = end
  }
  return undefined
}

function latin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
