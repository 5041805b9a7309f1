/**
 * Scratch: files that nobody else sees, for versions that must be whole before they are shown.
 *
 * Each loses its name as soon as it is open, so that nothing is left of it however this ends.
 */

import { toHex, utf8 } from '../../protocol/bytes.ts'
import type { Files, PathBytes } from '../ports/files.ts'
import type { Random } from '../ports/random.ts'
import { join } from '../source/path.ts'
import type { Temporary } from './temporary.ts'

/** @returns what makes such a file in the folder */
export function scratchIn(
  folder: PathBytes,
  { files, random }: { readonly files: Files; readonly random: Random },
): () => Promise<Temporary> {
  return async () => {
    const path = join(folder, utf8(`.cairn-${toHex(random.bytes(8))}.part`))
    const writer = await files.create(path)
    await files.remove(path)
    let isOpen = true
    const discard = async () => {
      if (isOpen) await writer.close()
      isOpen = false
    }
    return { path, writer, discard }
  }
}
