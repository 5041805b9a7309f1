/**
 * Stalls: file systems that do not answer, a network's above all.
 *
 * A call to one never ends, and the thread that made it cannot be stopped. So a call is given up after a while,
 * its thread is left behind, and whatever else lies on that file system fails at once, since each further
 * call would take another thread.
 */

import { readFileSync } from 'node:fs'
import { FilesError } from '../base/errors.ts'

/** Longer than a disk takes to wake up, or a server to be started again. */
export const STALL_MS = 60_000

/** Set once a thread was left behind: the process can no longer end by itself. */
let isThreadLeft = false

/** @returns whether a thread hangs in a call that never ends */
export function hasStuckThread(): boolean {
  return isThreadLeft
}

/** A thread hangs, and nobody waits for it any more. */
export function leaveThread(): void {
  isThreadLeft = true
}

/** Paths are text of one character a byte. */
export class Stalls {
  /** How long a call may take. */
  readonly ms: number
  readonly #places = new Set<string>()

  constructor(ms: number = STALL_MS) {
    this.ms = ms
  }

  get places(): readonly string[] {
    return [...this.#places]
  }

  /** @returns whether a path lies where nothing answers */
  has(path: string): boolean {
    if (this.#places.size === 0) return false
    for (const place of this.#places) {
      if (path === place || path.startsWith(place.endsWith('/') ? place : `${place}/`)) return true
    }
    return false
  }

  /**
   * A call for a path did not end.
   *
   * @returns what is left alone from now on: the file system that the path lies on, or the path alone where
   *   that is the root's or not known
   */
  note(path: string): string {
    leaveThread()
    const mounts = mountPoints().filter((mount) => path === mount || path.startsWith(`${mount}/`))
    const place = mounts.toSorted((a, b) => b.length - a.length)[0] ?? path
    this.#places.add(place)
    return place
  }

  /**
   * Wait for a call, but not for ever.
   *
   * @param work - makes the call; it is not made where nothing answers
   * @throws {FilesError} ETIMEDOUT
   */
  async guard<T>(path: string, work: () => Promise<T>): Promise<T> {
    if (this.has(path)) throw stalled(path)
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      this.note(path)
      late.reject(stalled(path))
    }, this.ms)
    const call = work()
    // Should it end after all, nobody is there to hear how.
    call.catch(() => undefined)
    try {
      return await Promise.race([call, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** @param path - one character a byte */
export function stalled(path: string): FilesError {
  const shown = new TextDecoder().decode(Buffer.from(path, 'latin1'))
  return new FilesError('ETIMEDOUT', `${shown}: ETIMEDOUT`)
}

/** @returns where file systems are mounted, but for the root; none where the system does not tell */
function mountPoints(): string[] {
  try {
    // A mount point's spaces and newlines stand as octal escapes: proc(5).
    const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n')
    const points = lines.map((line) => line.split(' ')[4] ?? '')
    const unescaped = points.map((point) =>
      point.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
        String.fromCharCode(Number.parseInt(digits, 8)),
      ),
    )
    return unescaped.filter((point) => point.length > 1)
  } catch {
    return []
  }
}
