/**
 * Control path: where the socket of a running peer lies.
 *
 *     STORE/control        the socket itself, or, where the store's path is too long for a socket's name,
 *     STORE/control-path   a text file with the path of one in a private folder of the system's for temporary files
 */

import { lstatSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** Bytes of a socket's path: 108 on Linux, 104 elsewhere, the last one a zero. */
const PATH_SIZE_MAX = 103

/** @returns where clients find the socket of the peer of this store; there may be none */
export function findControlPath(store: string): string {
  return readElsewhere(store) ?? join(store, 'control')
}

/**
 * Choose the path and clear it. The caller holds the store's lock, so whatever lies there is left from a peer
 * that was killed.
 */
export function prepareControlPath(store: string): string {
  const beside = join(store, 'control')
  removeControlPath(store)
  if (Buffer.byteLength(beside) <= PATH_SIZE_MAX) return beside
  const path = join(mkdtempSync(join(tmpdir(), 'cairn-')), 'control')
  writeFileSync(join(store, 'control-path'), `${path}\n`, { mode: 0o600 })
  return path
}

/** Leave nothing behind. */
export function removeControlPath(store: string): void {
  rmSync(join(store, 'control'), { force: true })
  removeElsewhere(store)
}

function removeElsewhere(store: string): void {
  const path = readElsewhere(store)
  if (path !== undefined) removeSocket(path)
  rmSync(join(store, 'control-path'), { force: true })
}

/** The socket, and its folder if that is empty then: a file's word is not enough to remove more. */
function removeSocket(path: string): void {
  try {
    if (lstatSync(path).isSocket()) rmSync(path)
  } catch {
    // There is none any more.
  }
  try {
    rmdirSync(dirname(path))
  } catch {
    // It holds something, or is gone.
  }
}

/** Only a folder that is ours alone is believed: anybody may make one for temporary files. */
function readElsewhere(store: string): string | undefined {
  try {
    const path = readFileSync(join(store, 'control-path'), 'utf8').trim()
    const folder = lstatSync(dirname(path))
    const isOurs = folder.isDirectory() && (folder.mode & 0o077) === 0
    return isOurs && folder.uid === process.getuid?.() ? path : undefined
  } catch {
    return undefined
  }
}
