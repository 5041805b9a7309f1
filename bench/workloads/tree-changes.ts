/**
 * Tree changes: a day in the life of a tree of many files.
 *
 * Some are edited, some added, some deleted, some renamed; which and how, the day's random decides. What
 * a file holds is told by the end of its name: text is edited by small inserts and cuts, other files get
 * patches of 512 bytes or are written anew.
 */

import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { ContentWriter } from './content.ts'
import { drawName } from './tree-names.ts'
import { scaled } from './workload.ts'

const PATCH_SIZE = 512

/** Shares of the files there are, each of one. */
export interface DayOfChanges {
  readonly modified: number
  readonly added: number
  readonly deleted: number
  readonly renamed: number
}

export interface TreeDay {
  readonly folder: string
  readonly content: ContentWriter
  readonly day: number
  readonly changes: DayOfChanges
  /** @returns the file's bytes and how its name ends */
  readonly drawFile: () => { readonly bytes: Uint8Array; readonly ending: string }
}

/** Apply one day. Names that belong to hard links and symlinks are left alone. */
export function changeTree({ folder, content, day, changes, drawFile }: TreeDay): void {
  const { random } = content
  const files = listFiles(folder)
  const count = (share: number) => scaled(files.length, share)
  const wanted = count(changes.modified) + count(changes.deleted) + count(changes.renamed)
  const drawn = random.distinct(wanted, files.length).map((index) => files[index] ?? '')

  for (const path of drawn.splice(0, count(changes.modified))) {
    const absolute = join(folder, path)
    writeFileSync(absolute, edited(readFileSync(absolute), isText(path), content))
  }
  for (const path of drawn.splice(0, count(changes.deleted))) rmSync(join(folder, path))
  for (const [index, path] of drawn.entries()) {
    const target = placeBeside(
      random.pick(files),
      `${drawName(random, `r${day}-${index}`)}${endingOf(path)}`,
    )
    renameSync(join(folder, path), join(folder, target))
  }
  for (let index = 0; index < count(changes.added); index++) {
    const { bytes, ending } = drawFile()
    const name = `${drawName(random, `n${day}-${index}`)}${ending}`
    const path = join(folder, placeBeside(random.pick(files), name))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
  }
}

/** @returns paths of the regular files with one name, relative to the folder, in a fixed order */
export function listFiles(folder: string): string[] {
  const files: string[] = []
  const walk = (below: string): void => {
    const entries = readdirSync(join(folder, below), { withFileTypes: true })
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`
      if (entry.isDirectory()) walk(path)
      else if (entry.isFile() && lstatSync(join(folder, path)).nlink === 1) files.push(path)
    }
  }
  walk('')
  return files
}

function edited(old: Buffer, isTextual: boolean, content: ContentWriter): Buffer {
  const { random } = content
  if (old.length === 0) return content.text(random.between(1, 400))
  if (isTextual) return editText(old, content)
  if (random.isOnce(0.25) && old.length < 1 << 20) return content.noise(old.length)
  const patched = Buffer.from(old)
  for (let patch = random.between(1, 3); patch > 0; patch--) {
    const size = Math.min(PATCH_SIZE, old.length)
    patched.set(content.noise(size), random.below(old.length - size + 1))
  }
  return patched
}

/** One to four places, each a few words more or less. */
function editText(old: Buffer, content: ContentWriter): Buffer {
  const { random } = content
  let text = old
  for (let edits = random.between(1, 4); edits > 0; edits--) {
    const at = random.below(text.length)
    const isInsert = random.isOnce(0.6)
    const inserted = isInsert ? content.text(random.between(5, 200)) : Buffer.alloc(0)
    const cut = isInsert ? 0 : Math.min(random.between(5, 150), text.length - at)
    text = Buffer.concat([text.subarray(0, at), inserted, text.subarray(at + cut)])
  }
  return text
}

export function isText(path: string): boolean {
  return /\.(txt|md|c|html|csv)$/.test(path)
}

function endingOf(path: string): string {
  return /\.[a-z]+$/.exec(path)?.[0] ?? ''
}

function placeBeside(path: string, name: string): string {
  const at = path.lastIndexOf('/')
  return at === -1 ? name : `${path.slice(0, at)}/${name}`
}
