/** Removing a tree whose folders may forbid it: they are ours, so we may change that first. */

import { chmodSync, lstatSync, readdirSync, rmSync } from 'node:fs'

/** Remove the folder and all below it; nothing happens if it is not there. */
export function removeTree(root: string): void {
  allowWriting(Buffer.from(root))
  rmSync(root, { recursive: true, force: true })
}

function allowWriting(path: Buffer): void {
  const status = lstatSync(path, { throwIfNoEntry: false })
  if (status?.isDirectory() !== true) return
  if ((status.mode & 0o700) !== 0o700) chmodSync(path, 0o700)
  for (const entry of readdirSync(path, { encoding: 'buffer', withFileTypes: true })) {
    if (entry.isDirectory()) allowWriting(Buffer.concat([path, Buffer.from('/'), entry.name]))
  }
}
