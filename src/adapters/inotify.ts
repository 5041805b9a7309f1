/**
 * Inotify: what Linux tells of changes in folders, through Node's own FFI (docs/adr/0095-watcher.md).
 *
 * Calls are synchronous and wait: this is for a thread of its own. See inotify(7).
 */

import { readSync } from 'node:fs'

import { lastCode, loadLibc, terminated } from './libc.ts'
import { systemCode } from './system.ts'

/** Masks of sys/inotify.h. */
export const IN_ATTRIB = 0x4
export const IN_MOVED_FROM = 0x40
export const IN_MOVED_TO = 0x80
export const IN_CREATE = 0x100
export const IN_Q_OVERFLOW = 0x4000
export const IN_IGNORED = 0x8000
export const IN_ISDIR = 0x4000_0000

const IN_MODIFY = 0x2
const IN_CLOSE_WRITE = 0x8
const IN_DELETE = 0x200
const IN_ONLYDIR = 0x0100_0000
const IN_DONT_FOLLOW = 0x0200_0000
const IN_EXCL_UNLINK = 0x0400_0000

/** Folders only, what changes in them, and nothing of files that have no name any more. */
const WANTED =
  IN_ATTRIB |
  IN_MOVED_FROM |
  IN_MOVED_TO |
  IN_CREATE |
  IN_DELETE |
  IN_MODIFY |
  IN_CLOSE_WRITE |
  IN_ONLYDIR |
  IN_DONT_FOLLOW |
  IN_EXCL_UNLINK

/** O_NONBLOCK and O_CLOEXEC, of both architectures that FFI is used on. */
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000

const POLLIN = 1

const HEADER_SIZE = 16

/** Some thousand events: the kernel keeps 16,384 unless told otherwise. */
const BUFFER_SIZE = 64 * 1024

const libc = loadLibc(['linux'], {
  inotify_init1: { arguments: ['i32'], return: 'i32' },
  inotify_add_watch: { arguments: ['i32', 'pointer', 'u32'], return: 'i32' },
  inotify_rm_watch: { arguments: ['i32', 'i32'], return: 'i32' },
  eventfd: { arguments: ['u32', 'i32'], return: 'i32' },
  poll: { arguments: ['pointer', 'u64', 'i32'], return: 'i32' },
})

export interface Change {
  /** Which watch; negative for an overflow. */
  readonly watch: number
  readonly mask: number
  /** One character a byte; empty where it is about the folder itself. */
  readonly name: string
}

export class Inotify {
  readonly #calls: NonNullable<typeof libc>
  readonly #file: number
  /** Whatever is written to this ends a wait. */
  readonly #wake: number
  readonly #buffer = Buffer.alloc(BUFFER_SIZE)

  private constructor(calls: NonNullable<typeof libc>, file: number, wake: number) {
    this.#calls = calls
    this.#file = file
    this.#wake = wake
  }

  /** Descriptors, for whoever ends this from another thread: eight bytes written to `wake`, then both closed. */
  get files(): { readonly news: number; readonly wake: number } {
    return { news: this.#file, wake: this.#wake }
  }

  /** @returns the system's word for why there is none */
  static open(): Inotify | string {
    if (libc === undefined) return 'ENOSYS'
    const file = libc.inotify_init1(NONBLOCK_CLOEXEC)
    if (file < 0) return lastCode()
    return new Inotify(libc, file, libc.eventfd(0, NONBLOCK_CLOEXEC))
  }

  /**
   * Watch a folder, not what is in the folders in it; the same folder again is the same watch.
   *
   * @returns the watch's number, or the system's word for why not
   */
  add(folder: Uint8Array): number | string {
    const watch = this.#calls.inotify_add_watch(this.#file, terminated(folder), WANTED)
    return watch < 0 ? lastCode() : watch
  }

  /** What the kernel no longer knows is no matter. */
  remove(watch: number): void {
    this.#calls.inotify_rm_watch(this.#file, watch)
  }

  /** Wait for changes, and take what there is; nothing once the time is over. */
  read(timeoutMs: number): Change[] {
    const wanted = Int32Array.of(this.#file, POLLIN, this.#wake, POLLIN)
    this.#calls.poll(new Uint8Array(wanted.buffer), 2n, timeoutMs)
    try {
      const size = readSync(this.#file, this.#buffer)
      return [...changesIn(this.#buffer.subarray(0, size))]
    } catch (error) {
      if (systemCode(error) === 'EAGAIN') return []
      throw error
    }
  }
}

/** Where there is no inotify: no folder can be watched, and nothing is told. */
export class NoInotify {
  readonly #why: string

  /** @param why - the system's word for it */
  constructor(why: string) {
    this.#why = why
  }

  add(): string {
    return this.#why
  }

  remove(): void {
    // Nothing is watched.
  }

  read(timeoutMs: number): Change[] {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeoutMs)
    return []
  }
}

/** `struct inotify_event`: watch, mask, cookie, length of the name, the name and zeros. */
function* changesIn(bytes: Buffer): Generator<Change> {
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32LE(at + 12)
    const start = at + HEADER_SIZE
    const end = bytes.indexOf(0, start)
    yield {
      watch: bytes.readInt32LE(at),
      mask: bytes.readUInt32LE(at + 4),
      name: length === 0 ? '' : bytes.toString('latin1', start, end),
    }
    at = start + length
  }
}
