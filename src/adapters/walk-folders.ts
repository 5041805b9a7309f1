/** Walking folders with synchronous calls, for a thread that has nothing else to do. */

import { lstatSync, readdirSync } from 'node:fs'

import { isCut, StretchBuilder } from '../base/stretch.ts'
import type { PathBytes } from '../ports/files.ts'
import type { Scanned, ScanRequest } from '../ports/scan.ts'
import { systemCode } from './system.ts'

/** Paths and names are text of one character a byte: quick to sort and to join, and nothing is lost. */
type Latin1 = string

const BIGINT = { bigint: true } as const

/** @yields what src/ports/scan.ts promises */
export function* walkFolders({ folders, excluded }: ScanRequest): Generator<Scanned> {
  const passed = byFolder(excluded.map(fromBytes))
  const builder = new StretchBuilder()
  const waiting = folders.map(fromBytes).toReversed()
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const names = listed(folder)
    const path = new Uint8Array(toBytes(folder))
    if (!Array.isArray(names)) {
      yield { type: 'unlisted', folder: path, code: names.code }
      continue
    }
    const base = folder === '/' ? folder : `${folder}/`
    const passedHere = passed.get(folder)
    const inner: Latin1[] = []
    let after = ''
    for (const name of names) {
      if (passedHere?.has(name) !== true) {
        const child = base + name
        if (see(builder, child, name) === 'folder') inner.push(child)
      }
      if (!isCut(name)) continue
      yield builder.finish(path, after, name)
      after = name
    }
    yield builder.finish(path, after, undefined)
    for (const child of inner.toReversed()) waiting.push(child)
  }
}

/** @returns names by the folder that they lie in */
function byFolder(paths: readonly Latin1[]): ReadonlyMap<Latin1, ReadonlySet<Latin1>> {
  const folders = Map.groupBy(paths, (path) => path.slice(0, path.lastIndexOf('/')) || '/')
  const names = (inside: Latin1[]) =>
    new Set(inside.map((path) => path.slice(path.lastIndexOf('/') + 1)))
  return new Map([...folders].map(([folder, inside]) => [folder, names(inside)]))
}

function see(builder: StretchBuilder, path: Latin1, name: Latin1): string | undefined {
  let status
  try {
    status = lstatSync(toBytes(path), BIGINT)
  } catch (error) {
    builder.fail(name, codeOf(error))
    return undefined
  }
  return builder.add(name, status)
}

function listed(folder: Latin1): Latin1[] | { readonly code: string } {
  try {
    const path = toBytes(folder)
    const names = readdirSync(path, { encoding: 'latin1' })
    // A link may have taken the folder's place: readdir would go through it, lstat does not.
    if (!lstatSync(path).isDirectory()) return { code: 'ENOTDIR' }
    // By UTF-16 units, which are bytes here.
    return names.toSorted()
  } catch (error) {
    return { code: codeOf(error) }
  }
}

/** @throws what is no error of the system's, as it is */
function codeOf(error: unknown): string {
  const code = systemCode(error)
  if (code === undefined) throw error
  return code
}

function toBytes(path: Latin1): Buffer {
  return Buffer.from(path, 'latin1')
}

function fromBytes(path: PathBytes): Latin1 {
  return Buffer.from(path).toString('latin1')
}
