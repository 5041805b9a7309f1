/**
 * Folder bytes: what a store holds, and what was written to it since one last looked.
 */

import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Size and identity of each file, by path. */
export type FolderState = ReadonlyMap<string, { readonly size: number; readonly mark: string }>

/** @param counts - whether a file is counted, by its path below the folder */
export function folderState(
  folders: readonly string[],
  counts: (path: string) => boolean = () => true,
): FolderState {
  const state = new Map<string, { size: number; mark: string }>()
  for (const folder of folders) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      if (!counts(path.slice(folder.length + 1))) continue
      const { size, mtimeNs, ino } = lstatSync(path, { bigint: true })
      state.set(path, { size: Number(size), mark: `${size} ${mtimeNs} ${ino}` })
    }
  }
  return state
}

export function totalBytes(state: FolderState): number {
  return [...state.values()].reduce((sum, { size }) => sum + size, 0)
}

/** @returns bytes of the files that are new or were written again: what an upload would send */
export function bytesWritten(before: FolderState, after: FolderState): number {
  return [...after]
    .filter(([path, { mark }]) => before.get(path)?.mark !== mark)
    .reduce((sum, [, { size }]) => sum + size, 0)
}
