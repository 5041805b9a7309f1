/**
 * Paths: absolute paths as bytes, as lists of names, and as keys that sort like the tree.
 *
 * A key is the names with a zero byte between them. No name holds a zero byte, and none sorts below
 * it, so keys in byte order are the tree in order: each folder, then all that is in it, then its
 * next sibling. Names are bytes throughout; nothing assumes UTF-8.
 */

import { compare, concat } from '../../protocol/bytes.ts'
import { UsageError } from '../base/errors.ts'

export type Names = readonly Uint8Array[]

const SLASH = 0x2f
const ZERO = 0x00

/** A path that is not absolute, or holds `.`, `..` or a zero byte. */
export class BadPathError extends UsageError {
  override readonly name = 'BadPathError'
}

/**
 * @param path - absolute; repeated and trailing slashes are ignored
 * @throws {BadPathError}
 */
export function toNames(path: Uint8Array): Uint8Array[] {
  if (path[0] !== SLASH) throw new BadPathError('A path must be absolute')
  const names = splitAt(path, SLASH).filter((name) => name.length > 0)
  for (const name of names) {
    if (!isPlainName(name)) throw new BadPathError('A path must not hold ".", ".." or a zero byte')
  }
  return names
}

/** @returns whether the bytes can be one name in a folder: not empty, `.`, `..`, and no `/` or zero byte */
export function isPlainName(name: Uint8Array): boolean {
  if (name.length === 0 || name.includes(SLASH) || name.includes(ZERO)) return false
  const isDots = name.every((byte) => byte === 0x2e)
  return !(isDots && name.length <= 2)
}

export function toPath(names: Names): Uint8Array {
  if (names.length === 0) return Uint8Array.of(SLASH)
  return concat(...names.flatMap((name) => [Uint8Array.of(SLASH), name]))
}

export function join(folder: Uint8Array, name: Uint8Array): Uint8Array {
  const isRoot = folder.length === 1 && folder[0] === SLASH
  return isRoot ? concat(folder, name) : concat(folder, Uint8Array.of(SLASH), name)
}

export function toKey(names: Names): Uint8Array {
  return concat(
    ...names.flatMap((name, index) => (index === 0 ? [name] : [Uint8Array.of(ZERO), name])),
  )
}

/** @param path - absolute and plain: no repeated or trailing slashes */
export function pathToKey(path: Uint8Array): Uint8Array {
  const key = path.slice(1)
  for (let at = key.indexOf(SLASH); at !== -1; at = key.indexOf(SLASH, at + 1)) key[at] = ZERO
  return key
}

export function fromKey(key: Uint8Array): Uint8Array[] {
  return key.length === 0 ? [] : splitAt(key, ZERO)
}

/** @returns the half-open range of keys of everything strictly below a folder */
export function keysBelow(key: Uint8Array): { from: Uint8Array; until: Uint8Array } {
  // The root's own key is empty: everything is below it, and no name starts with 0xff twice 0xff …
  if (key.length === 0) return { from: Uint8Array.of(0x01), until: new Uint8Array(4097).fill(0xff) }
  return { from: concat(key, Uint8Array.of(ZERO)), until: concat(key, Uint8Array.of(0x01)) }
}

/** @returns whether `path` is `folder` itself or lies below it */
export function isWithin(folder: Names, path: Names): boolean {
  if (path.length < folder.length) return false
  return folder.every((name, index) => sameBytes(name, path[index] as Uint8Array))
}

/** @returns the paths without those within another, in tree order, each once */
export function outermost(paths: readonly Names[]): Names[] {
  const found: Names[] = []
  const keyed = paths.map((path) => ({ path, key: toKey(path) }))
  for (const { path } of keyed.toSorted((a, b) => compare(a.key, b.key))) {
    // In tree order, what holds a path comes last before it.
    const before = found.at(-1)
    if (before === undefined || !isWithin(before, path)) found.push(path)
  }
  return found
}

/**
 * @param paths - none within another, in tree order
 * @returns the paths; where they are more than `countMax`, the deepest folders that hold them all and are not
 */
export function covering(paths: readonly Names[], countMax: number): readonly Names[] {
  let found = paths
  let depth = paths.reduce((deepest, { length }) => Math.max(deepest, length), 1) - 1
  for (; found.length > countMax; depth -= 1) {
    found = outermost(paths.map((path) => path.slice(0, Math.max(0, depth))))
  }
  return found
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

function splitAt(bytes: Uint8Array, separator: number): Uint8Array[] {
  const parts: Uint8Array[] = []
  let start = 0
  for (let end = bytes.indexOf(separator); end !== -1; end = bytes.indexOf(separator, start)) {
    parts.push(bytes.slice(start, end))
    start = end + 1
  }
  parts.push(bytes.slice(start))
  return parts
}
