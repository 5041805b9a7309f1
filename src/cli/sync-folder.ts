/** Syncing a folder, so that names made in it outlive a power cut. */

import { closeSync, fsyncSync, openSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * A file that was synced is there after a power cut; its name only once the folder it lies in was.
 *
 * @param path - of what was made, renamed or removed there
 */
export function syncFolderOf(path: string): void {
  const descriptor = openSync(dirname(path), 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
