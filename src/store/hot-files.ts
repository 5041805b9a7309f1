/**
 * Hot files: those that changed under our hands each time we tried to read them.
 *
 * Next time such a file is copied at once. One that held still a few times in a row is hot no more. Without
 * the database nothing is hot, and what is will soon be known again.
 */

import { z } from 'zod'
import { toHex } from '../../protocol/bytes.ts'
import { bytesField, integer } from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import type { Settings } from './settings.ts'

/** Beyond it the oldest are forgotten. */
export const HOT_MAX = 1024

/** A file that held still so often in a row is not hot any more. */
export const CALM_RUNS = 3

const KEY_SIZE_MAX = 8192
const SETTING = 'hot files'

const schema = z.array(z.tuple([bytesField(1, KEY_SIZE_MAX), integer(0, CALM_RUNS)])).max(HOT_MAX)

interface HotFile {
  readonly key: Uint8Array
  /** Runs in a row in which it held still. */
  readonly calm: number
}

export class HotFiles {
  readonly #settings: Settings
  #files: Map<string, HotFile> | undefined

  constructor(settings: Settings) {
    this.#settings = settings
  }

  has(key: Uint8Array): boolean {
    return this.#load().has(toHex(key))
  }

  /** @param isCalm - whether the file held still while it was read */
  note(key: Uint8Array, isCalm: boolean): void {
    const files = this.#load()
    const name = toHex(key)
    const known = files.get(name)
    if (isCalm && known === undefined) return
    const calm = isCalm ? (known?.calm ?? 0) + 1 : 0
    files.delete(name)
    if (calm < CALM_RUNS && key.length <= KEY_SIZE_MAX) files.set(name, { key, calm })
    for (const oldest of [...files.keys()].slice(0, Math.max(0, files.size - HOT_MAX))) {
      files.delete(oldest)
    }
    this.#settings.set(
      SETTING,
      [...files.values()].map((one) => [one.key, one.calm]),
    )
  }

  #load(): Map<string, HotFile> {
    this.#files ??= new Map(
      this.#stored().map(([key, calm]) => [toHex(key), { key, calm }] as const),
    )
    return this.#files
  }

  /** What does not open is as good as none. */
  #stored(): z.infer<typeof schema> {
    try {
      return this.#settings.get(SETTING, schema) ?? []
    } catch (error) {
      if (error instanceof FormatError) return []
      throw error
    }
  }
}
