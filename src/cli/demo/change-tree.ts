/**
 * Change a tree: what happens to a home folder between two backups.
 *
 * Pages of a database overwritten, a log appended to, texts edited in the middle, files deleted, made,
 * renamed, touched and turned into something else. The same seed and round change the same things.
 */

import type { Files } from '../../ports/files.ts'
import { documentPath, TOPICS, type TreeSize } from './generate-tree.ts'
import { Seeded } from './seeded.ts'
import { TreeWriter } from './tree-writer.ts'

const PAGE_SIZE = 4096

interface Round {
  readonly tree: TreeWriter
  readonly random: Seeded
  readonly size: TreeSize
  /** 1, 2, …: each is made on top of the ones before. */
  readonly round: number
}

export async function changeTree(
  root: string,
  options: { seed: number; round: number; size: TreeSize; files: Files },
): Promise<void> {
  const { round, size } = options
  const tree = new TreeWriter(root, options.files)
  const random = new Seeded(options.seed, `round ${round}`)
  const step: Round = { tree, random, size, round }

  overwritePages(step)
  tree.append(random.text(20_000), 'logs', 'app.log')
  editDocuments(step)
  removeAndAdd(step)
  moveThings(step)
  changeKinds(step)
  await changeAttributes(step)
}

function overwritePages({ tree, random, size }: Round): void {
  const pieces = Array.from({ length: 50 }, () => ({
    offset: random.below(Math.floor(size.largeSize / PAGE_SIZE)) * PAGE_SIZE,
    content: random.bytes(PAGE_SIZE),
  }))
  tree.overwrite(pieces, 'big.db')
}

/** Each round edits other documents: the index tells which. */
function editDocuments({ tree, random, size, round }: Round): void {
  for (let index = 40 + round; index < size.documents; index += 25) {
    const path = documentPath(index)
    const old = tree.read(...path)
    const middle = random.below(old.length)
    const edited = [old.subarray(0, middle), random.text(80), old.subarray(middle)]
    tree.file(Buffer.concat(edited), ...path)
  }
}

function removeAndAdd({ tree, random, size, round }: Round): void {
  for (let index = 40 + 5 + round; index < size.documents; index += 50) {
    tree.remove(...documentPath(index))
  }
  for (const topic of TOPICS) {
    tree.file(random.text(random.between(100, 5_000)), 'documents', topic, `new-${round}.txt`)
  }
  tree.folder('photos', `round ${round}`)
  tree.file(random.bytes(size.photoSize), 'photos', `round ${round}`, 'new.jpg')
}

/** A whole folder moves: nothing in it may be sent again. */
function moveThings({ tree, round }: Round): void {
  tree.folder('archive')
  const from = round === 1 ? ['copies'] : ['archive', `copies ${round - 1}`]
  tree.move(from, ['archive', `copies ${round}`])
  tree.file(Buffer.from(`moved in round ${round}\n`), 'archive', 'moves.txt')
}

/** A file becomes a folder, a folder a file, a link another link; and back again. */
function changeKinds({ tree, random, round }: Round): void {
  const isOdd = round % 2 === 1
  tree.remove('empty', 'nothing-5')
  tree.remove('empty', 'folder in a folder')
  tree.remove('links', 'to a file')
  if (isOdd) {
    tree.folder('empty', 'nothing-5')
    tree.file(random.text(50), 'empty', 'nothing-5', 'was a file')
    tree.file(random.text(50), 'empty', 'folder in a folder')
    tree.symlink('../logs/app.log', 'links', 'to a file')
  } else {
    tree.file(random.text(50), 'empty', 'nothing-5')
    tree.folder('empty', 'folder in a folder')
    tree.file(random.text(50), 'links', 'to a file')
  }
}

async function changeAttributes({ tree, random, round }: Round): Promise<void> {
  for (let index = 0; index < 20; index++) {
    const path = documentPath(index)
    if (index % 2 === 0) tree.mode(round % 2 === 1 ? 0o640 : 0o600, ...path)
    const seconds = 1_700_000_000 + round * 86_400 + index
    await tree.modified({ seconds, nanoseconds: random.below(1_000_000_000) }, ...path)
  }
  tree.mode(round % 2 === 1 ? 0o700 : 0o755, 'deep', 'level 1')
}
