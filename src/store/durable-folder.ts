/** Folders of our own state, whose names survive a power cut as what lies in them does. */

import type { Disk } from '../ports/disk.ts'

/** Make a folder and those above it. Resolves when they would survive a power cut. */
export async function makeDurableFolder(disk: Disk, folder: string): Promise<void> {
  await disk.makeFolder(folder)
  const names = folder.split('/')
  for (let depth = 0; depth < names.length; depth += 1) {
    await disk.syncFolder(names.slice(0, depth).join('/'))
  }
}
