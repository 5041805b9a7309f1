/**
 * W6, tiny files: 100,000 files of 0 to 4 KiB, mostly text, 60 to a folder.
 */

import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ContentWriter } from './content.ts'
import { changeTree } from './tree-changes.ts'
import { scaled, type State, type Workload } from './workload.ts'

const FILES = 100_000
const FILES_PER_FOLDER = 60
const SIZE_MAX = 4096
const OLDEST_SECONDS = 1_577_836_800

const DAY = { modified: 0.01, added: 0.005, deleted: 0.005, renamed: 0.002 }

export const tiny: Workload = {
  name: 'W6',
  title: 'tiny files of 0 to 4 KiB; 1 % edited, 0.5 % new, 0.5 % gone, 0.2 % renamed',
  scale: 0.1,
  days: 1,
  isManyFiles: true,
  create,
  change({ folder, seed, day }) {
    const content = new ContentWriter(seed, `tiny day ${day}`, 'tiny language')
    changeTree({ folder, content, day, changes: DAY, drawFile: () => drawFile(content) })
  },
}

function create({ folder, seed, scale }: State): void {
  const content = new ContentWriter(seed, 'tiny', 'tiny language')
  const count = scaled(FILES, scale)
  for (let index = 0; index < count; index++) {
    const group = Math.floor(index / FILES_PER_FOLDER)
    const { bytes, ending } = drawFile(content)
    const path = join(folder, `box-${group % 20}`, `tray-${group}`, `item-${index}${ending}`)
    if (index % FILES_PER_FOLDER === 0) mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
    const time = OLDEST_SECONDS + content.random.below(100_000_000)
    utimesSync(path, time, time)
  }
}

function drawFile(content: ContentWriter): { bytes: Buffer; ending: string } {
  const size = content.random.between(0, SIZE_MAX)
  const isNoise = content.random.isOnce(0.2)
  return isNoise
    ? { bytes: content.noise(size), ending: '.bin' }
    : { bytes: content.text(size), ending: '.txt' }
}
