/**
 * Tree manifest: everything about a tree that a backup must give back, taken down for comparing.
 *
 * Names are bytes; a path is its bytes as Latin-1 text, so that it can be a key. Content is a
 * SHA-256. Access times and change times are left out: no program can restore those.
 */

import { createHash } from 'node:crypto'
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { escapeName } from '../escape.ts'
import { formatInstant } from '../format.ts'

export interface ManifestEntry {
  readonly kind: 'file' | 'folder' | 'symlink' | 'other'
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since 1970. */
  readonly mtime: bigint
  /** Bytes of a file's content. */
  readonly size: number
  /** SHA-256 of a file's content in hex, or a link's target as Latin-1 text. */
  readonly content: string
}

/** By path below the root, `''` being the root itself. */
export type TreeManifest = ReadonlyMap<string, ManifestEntry>

/** One thing about one path that is not as it was. */
export interface Difference {
  /** Escaped for reading. */
  readonly path: string
  readonly what: 'missing' | 'extra' | 'kind' | 'content' | 'size' | 'mode' | 'owner' | 'mtime'
  readonly expected: string
  readonly actual: string
}

/** @returns what stands at `root` now */
export function takeManifest(root: string | Uint8Array): TreeManifest {
  const manifest = new Map<string, ManifestEntry>()
  addEntry(manifest, Buffer.from(root), '')
  return manifest
}

/** @returns every difference, in order of path; none if the trees are the same */
export function compareManifests(expected: TreeManifest, actual: TreeManifest): Difference[] {
  const paths = [...new Set([...expected.keys(), ...actual.keys()])].toSorted()
  return paths.flatMap((path) => compareEntries(path, expected.get(path), actual.get(path)))
}

/** @returns how many files there are, and how many bytes they hold */
export function totals(manifest: TreeManifest): { files: number; folders: number; bytes: number } {
  const sum = { files: 0, folders: 0, bytes: 0 }
  for (const entry of manifest.values()) {
    if (entry.kind === 'folder') sum.folders++
    else sum.files++
    sum.bytes += entry.kind === 'file' ? entry.size : 0
  }
  return sum
}

function addEntry(manifest: Map<string, ManifestEntry>, path: Buffer, key: string): void {
  const status = lstatSync(path, { bigint: true })
  const kind = status.isFile()
    ? 'file'
    : status.isDirectory()
      ? 'folder'
      : status.isSymbolicLink()
        ? 'symlink'
        : 'other'
  manifest.set(key, {
    kind,
    mode: Number(status.mode) & 0o7777,
    uid: Number(status.uid),
    gid: Number(status.gid),
    mtime: status.mtimeNs,
    size: kind === 'file' ? Number(status.size) : 0,
    content:
      kind === 'file'
        ? digestOf(path, Number(status.size))
        : kind === 'symlink'
          ? targetOf(path)
          : '',
  })
  if (kind !== 'folder') return
  for (const name of readdirSync(path, { encoding: 'buffer' })) {
    const below = name.toString('latin1')
    addEntry(
      manifest,
      Buffer.concat([path, Buffer.from('/'), name]),
      key === '' ? below : `${key}/${below}`,
    )
  }
}

function digestOf(path: Buffer, size: number): string {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(Math.min(1024 * 1024, size + 1))
  const descriptor = openSync(path, 'r')
  try {
    for (
      let length = readSync(descriptor, buffer);
      length > 0;
      length = readSync(descriptor, buffer)
    ) {
      hash.update(buffer.subarray(0, length))
    }
  } finally {
    closeSync(descriptor)
  }
  return hash.digest('hex')
}

function targetOf(path: Buffer): string {
  return readlinkSync(path, { encoding: 'buffer' }).toString('latin1')
}

function compareEntries(
  key: string,
  expected: ManifestEntry | undefined,
  actual: ManifestEntry | undefined,
): Difference[] {
  const path = key === '' ? '.' : escapeName(Buffer.from(key, 'latin1'))
  if (expected === undefined || actual === undefined) {
    const what = actual === undefined ? 'missing' : 'extra'
    return [
      { path, what, expected: expected?.kind ?? 'nothing', actual: actual?.kind ?? 'nothing' },
    ]
  }
  const differences: Difference[] = []
  const check = (what: Difference['what'], of: (entry: ManifestEntry) => string) => {
    if (of(expected) !== of(actual)) {
      differences.push({ path, what, expected: of(expected), actual: of(actual) })
    }
  }
  check('kind', (entry) => entry.kind)
  check('size', (entry) => String(entry.size))
  check('content', (entry) => escapeName(Buffer.from(entry.content, 'latin1')))
  // A link's own mode means nothing and cannot be set everywhere.
  if (expected.kind !== 'symlink') check('mode', (entry) => entry.mode.toString(8))
  check('owner', (entry) => `${entry.uid}:${entry.gid}`)
  check('mtime', (entry) => formatInstant(secondsOf(entry.mtime)))
  return differences
}

function secondsOf(nanoseconds: bigint): { seconds: number; nanoseconds: number } {
  const rest = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  return { seconds: Number((nanoseconds - rest) / 1_000_000_000n), nanoseconds: Number(rest) }
}
