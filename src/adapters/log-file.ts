/**
 * Log file: lines at the end of a file that only its owner reads, and that does not grow for ever.
 *
 * What others do is logged, so others decide how much: once the file is full it becomes `<path>.1`, in place
 * of the one before. A line that cannot be written is lost: a full disk must not end who logs that it is full.
 */

import { closeSync, fstatSync, openSync, renameSync, statSync, writeSync } from 'node:fs'

/** Bytes of one file: weeks of a busy peer, and of a hostile member's hour the last minutes. */
export const LOG_SIZE_MAX = 32 * 1024 * 1024

export class LogFile {
  readonly #path: string
  readonly #sizeMax: number
  #descriptor: number | undefined
  #size = 0

  /** @throws the system's error, where the file cannot be opened */
  constructor(path: string, sizeMax = LOG_SIZE_MAX) {
    this.#path = path
    this.#sizeMax = sizeMax
    this.#open()
  }

  /** @param line - with its end */
  write(line: string): void {
    try {
      const bytes = Buffer.from(line)
      if (this.#size + bytes.length > this.#sizeMax) this.#turn(bytes.length)
      this.#size += writeSync(this.#descriptor ?? this.#open(), bytes)
    } catch {
      // Whoever uses the same disk meets the trouble, and says so.
    }
  }

  #turn(more: number): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
    // Another program of ours may have done it.
    const isFull = statSync(this.#path).size + more > this.#sizeMax
    if (isFull) renameSync(this.#path, `${this.#path}.1`)
    this.#open()
  }

  #open(): number {
    const descriptor = openSync(this.#path, 'a', 0o600)
    this.#descriptor = descriptor
    this.#size = fstatSync(descriptor).size
    return descriptor
  }
}
