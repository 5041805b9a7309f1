/**
 * W1, a laptop: 40,000 files of all kinds and sizes in deep folders, about 1.5 GiB, with links.
 */

import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ContentWriter } from './content.ts'
import { changeTree } from './tree-changes.ts'
import { drawFolders, drawName } from './tree-names.ts'
import { scaled, type State, type Workload } from './workload.ts'

const FILES = 40_000
const SIZE_MEDIAN = 6 * 1024
/** Makes the mean 38 KiB, so that a few large files hold most of the bytes. */
const SIZE_SIGMA = 1.92
const SIZE_MAX = 32 << 20
const SYMLINKS = 40
const HARD_LINKS = 20
const XATTRS = 20
/** 2020-01-01: files are up to four years old when the first backup comes. */
const OLDEST_SECONDS = 1_577_836_800
const AGE_SECONDS = 4 * 365 * 86_400

const DAY = { modified: 0.02, added: 0.01, deleted: 0.005, renamed: 0.005 }

export const laptop: Workload = {
  name: 'W1',
  title: 'laptop: files of all kinds; 2 % edited, 1 % new, 0.5 % gone, 0.5 % renamed',
  scale: 0.25,
  days: 1,
  isManyFiles: true,
  create,
  change({ folder, seed, day }) {
    const content = new ContentWriter(seed, `laptop day ${day}`, 'laptop language')
    changeTree({ folder, content, day, changes: DAY, drawFile: () => drawFile(content) })
  },
}

function create({ folder, seed, scale }: State): void {
  const content = new ContentWriter(seed, 'laptop', 'laptop language')
  const { random } = content
  const count = scaled(FILES, scale)
  const folders = drawFolders(random, Math.ceil(count / 25))
  for (const each of folders) mkdirSync(join(folder, each), { recursive: true })

  const files: string[] = []
  for (let index = 0; index < count; index++) {
    const isCopy = files.length > 0 && random.isOnce(0.1)
    const original = isCopy ? random.pick(files) : ''
    const { bytes, ending } = isCopy
      ? { bytes: readFileSync(join(folder, original)), ending: /\.\w+$/.exec(original)?.[0] ?? '' }
      : drawFile(content)
    const path = join(random.pick(folders), `${drawName(random, index)}${ending}`)
    writeFileSync(join(folder, path), bytes)
    const time = OLDEST_SECONDS + random.below(AGE_SECONDS)
    utimesSync(join(folder, path), time, time)
    files.push(path)
  }

  for (let index = 0; index < SYMLINKS; index++) {
    const target = random.isOnce(0.9) ? random.pick(files) : 'nowhere/at all'
    symlinkSync(target, join(folder, `link ${index}`))
  }
  const linked = random.distinct(HARD_LINKS, files.length).map((index) => files[index] ?? '')
  for (const [index, path] of linked.entries()) {
    linkSync(join(folder, path), join(folder, `second name ${index}`))
  }
  setAttributes(random.distinct(XATTRS, files.length).map((at) => join(folder, files[at] ?? '')))
}

/** 55 of 90 text, 30 noise, 5 records; the other 10 of 100 are copies of earlier files. */
function drawFile(content: ContentWriter): { bytes: Buffer; ending: string } {
  const { random } = content
  const size = Math.min(SIZE_MAX, Math.round(random.logNormal(SIZE_MEDIAN, SIZE_SIGMA)))
  const kind = random.below(90)
  if (kind < 55) {
    return {
      bytes: content.text(size),
      ending: random.pick(['.txt', '.md', '.c', '.html', '.csv']),
    }
  }
  if (kind < 85) return { bytes: content.noise(size), ending: random.pick(['.jpg', '.zip', '.mp']) }
  return { bytes: content.records(size), ending: random.pick(['.dat', '.db']) }
}

/** Extended attributes, by whichever command there is; without one, files have none. */
function setAttributes(paths: readonly string[]): void {
  const script =
    'import os,sys\nfor p in sys.argv[1:]: os.setxattr(p, "user.note", os.path.basename(p).encode()[:40])'
  try {
    execFileSync('python3', ['-c', script, ...paths], { stdio: 'ignore' })
  } catch {
    for (const path of paths) trySetfattr(path)
  }
}

function trySetfattr(path: string): void {
  try {
    execFileSync('setfattr', ['-n', 'user.note', '-v', 'kept', path], { stdio: 'ignore' })
  } catch {
    // Neither command is there, or the file system has no attributes: the tree has one trait less.
  }
}
