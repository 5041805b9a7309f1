/**
 * Generate a tree: what a home folder has, in small, and what has broken backup programs before.
 *
 * Text, incompressible files, duplicates, deep folders, odd names, links, empty files and folders,
 * one large file; modes, owners and times to the nanosecond. The same seed writes the same bytes.
 */

import type { Files } from '../../ports/files.ts'
import { ODD_NAMES } from './odd-names.ts'
import { Seeded } from './seeded.ts'
import { TreeWriter } from './tree-writer.ts'

export interface TreeSize {
  readonly documents: number
  readonly photos: number
  /** Bytes of one photo: incompressible. */
  readonly photoSize: number
  readonly copies: number
  readonly mails: number
  /** Bytes of the one large file. */
  readonly largeSize: number
}

export const TREE_SIZES = {
  small: {
    documents: 60,
    photos: 6,
    photoSize: 100_000,
    copies: 10,
    mails: 30,
    largeSize: 3_000_000,
  },
  normal: {
    documents: 1_100,
    photos: 50,
    photoSize: 1_450_000,
    copies: 60,
    mails: 720,
    largeSize: 100_000_000,
  },
} as const satisfies Record<string, TreeSize>

export type TreeSizeName = keyof typeof TREE_SIZES

export const TOPICS = ['letters', 'taxes 2025', 'recipes', 'school', 'travel', 'code', 'notes']

const DEPTH = 30

/** Write the tree into `root`, an existing empty folder. */
export async function generateTree(
  root: string,
  { seed, size, files }: { seed: number; size: TreeSize; files: Files },
): Promise<void> {
  const tree = new TreeWriter(root, files)
  const random = new Seeded(seed, 'tree')

  writeDocuments(tree, random, size.documents)
  writePhotos(tree, random, size)
  writeCopies(tree, random, size)
  writeMails(tree, random, size.mails)
  writeDeepFolders(tree, random)
  writeOddNames(tree, random)
  writeLinks(tree)
  writeEmpties(tree)
  tree.file(random.bytes(size.largeSize), 'big.db')
  tree.folder('logs')
  tree.file(random.text(400_000), 'logs', 'app.log')
  await writeAttributes(tree, random)
}

export function documentPath(index: number): [string, string, string] {
  const topic = TOPICS[index % TOPICS.length] ?? 'notes'
  return ['documents', topic, `page-${index}.txt`]
}

function writeDocuments(tree: TreeWriter, random: Seeded, count: number): void {
  for (const topic of TOPICS) tree.folder('documents', topic)
  for (let index = 0; index < count; index++) {
    // Most are short, a few are long.
    const size =
      random.below(10) === 0 ? random.between(20_000, 120_000) : random.between(50, 8_000)
    tree.file(random.text(size), ...documentPath(index))
  }
}

function writePhotos(tree: TreeWriter, random: Seeded, size: TreeSize): void {
  for (let index = 0; index < size.photos; index++) {
    const folder = `2025-${String((index % 12) + 1).padStart(2, '0')}`
    tree.folder('photos', folder)
    tree.file(random.bytes(size.photoSize), 'photos', folder, `img-${index}.jpg`)
  }
}

/** The same content under other names: it must be stored once. */
function writeCopies(tree: TreeWriter, random: Seeded, size: TreeSize): void {
  tree.folder('copies')
  for (let index = 0; index < size.copies; index++) {
    const original = documentPath(random.below(size.documents))
    tree.file(tree.read(...original), 'copies', `copy-${index}.txt`)
  }
  for (let index = 0; index < size.photos / 6; index++) {
    const folder = `2025-${String((index % 12) + 1).padStart(2, '0')}`
    tree.file(tree.read('photos', folder, `img-${index}.jpg`), 'copies', `photo-${index}.jpg`)
  }
}

function writeMails(tree: TreeWriter, random: Seeded, count: number): void {
  for (const box of ['cur', 'new', 'tmp']) tree.folder('mail', 'inbox', box)
  for (let index = 0; index < count; index++) {
    const name = `${1_700_000_000 + index * 977}.${random.bytes(6).toString('hex')}.home:2,S`
    tree.file(random.text(random.between(300, 4_000)), 'mail', 'inbox', 'cur', name)
  }
}

function writeDeepFolders(tree: TreeWriter, random: Seeded): void {
  const parts = ['deep']
  for (let depth = 1; depth <= DEPTH; depth++) {
    parts.push(`level ${depth}`)
    tree.folder(...parts)
    if (depth % 5 === 0) tree.file(random.text(300), ...parts, 'leaf.txt')
  }
}

function writeOddNames(tree: TreeWriter, random: Seeded): void {
  tree.folder('odd')
  for (const name of ODD_NAMES) tree.tryFile(random.text(200), 'odd', name)
  tree.folder('odd', 'folder\nwith \u001b[7mname')
  tree.file(random.text(200), 'odd', 'folder\nwith \u001b[7mname', 'inside')
}

function writeLinks(tree: TreeWriter): void {
  tree.folder('links')
  tree.symlink('../big.db', 'links', 'to a file')
  tree.symlink('../photos', 'links', 'to a folder')
  tree.symlink('nowhere/at all', 'links', 'dangling')
  tree.symlink('/etc/hostname', 'links', 'absolute')
  tree.symlink('loop', 'links', 'loop')
  tree.symlink('../../../../..', 'links', 'up and away')
  tree.symlink('odd \u001b[1m\ntarget', 'links', 'odd target')
}

function writeEmpties(tree: TreeWriter): void {
  tree.folder('empty', 'folder in a folder')
  for (let index = 0; index < 20; index++) tree.file(Buffer.alloc(0), 'empty', `nothing-${index}`)
}

async function writeAttributes(tree: TreeWriter, random: Seeded): Promise<void> {
  const modes = [0o600, 0o640, 0o644, 0o664, 0o700, 0o755, 0o444, 0o400]
  for (let index = 0; index < 40; index++) {
    const path = documentPath(index)
    tree.owner(1000 + (index % 3), 1000 + (index % 2), ...path)
    tree.mode(random.pick(modes), ...path)
    const seconds = random.between(0, 2_000_000_000)
    await tree.modified({ seconds, nanoseconds: random.below(1_000_000_000) }, ...path)
  }
  // Ends of the range, and a folder's own attributes.
  await tree.modified({ seconds: 0, nanoseconds: 0 }, 'empty', 'nothing-0')
  await tree.modified({ seconds: -1, nanoseconds: 999_999_999 }, 'empty', 'nothing-1')
  await tree.modified({ seconds: 4_000_000_000, nanoseconds: 1 }, 'empty', 'nothing-2')
  await tree.modified({ seconds: 1_234_567_890, nanoseconds: 123_456_789 }, 'links', 'dangling')
  tree.mode(0o1777, 'empty', 'folder in a folder')
  tree.mode(0o550, 'deep', 'level 1', 'level 2', 'level 3')
  await tree.modified({ seconds: 1_600_000_000, nanoseconds: 7 }, 'empty', 'folder in a folder')
}
