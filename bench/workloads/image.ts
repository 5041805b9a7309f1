/**
 * W2, W2b and W7: one large file each; a disk image with pages overwritten, the same with bytes
 * inserted, and noise that is only touched.
 */

import { statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../random.ts'
import { ContentWriter } from './content.ts'
import { overwrite, splice, writeLarge } from './large-file.ts'
import { MIB, scaled, scaledSize, type State, type Workload } from './workload.ts'

const SIZE = 1024 * MIB
const PAGE_SIZE = 4096
const OVERWRITES = 200
const INSERTIONS = 20
const INSERTION_SIZE = 100
/** The day of day 0, for W7's times: 2024-01-01. */
const TOUCHED_SECONDS = 1_704_067_200

export const image: Workload = {
  name: 'W2',
  title: 'disk image, one file; pages of 4 KiB overwritten here and there',
  scale: 0.25,
  days: 1,
  isManyFiles: false,
  create: (state) => createImage(state),
  change({ folder, seed, scale, day }) {
    const path = join(folder, 'disk.img')
    const random = new Random(seed, `image day ${day}`)
    const pages = random.distinct(scaled(OVERWRITES, scale), statSync(path).size / PAGE_SIZE)
    overwrite(
      path,
      pages.map((page) => ({ offset: page * PAGE_SIZE, bytes: random.bytes(PAGE_SIZE) })),
    )
  },
}

export const shifted: Workload = {
  name: 'W2b',
  title: 'the same image; 100 bytes inserted here and there',
  scale: 0.25,
  days: 1,
  isManyFiles: false,
  create: (state) => createImage(state),
  change({ folder, seed, scale, day }) {
    const path = join(folder, 'disk.img')
    const random = new Random(seed, `shifted day ${day}`)
    const { size } = statSync(path)
    const splices = random.distinct(scaled(INSERTIONS, scale), size).map((offset) => ({
      offset,
      cut: 0,
      inserted: random.bytes(INSERTION_SIZE),
    }))
    splice(path, splices, size)
  },
}

export const noise: Workload = {
  name: 'W7',
  title: 'one file that cannot be compressed; touched, not changed',
  scale: 0.25,
  days: 1,
  isManyFiles: false,
  create({ folder, seed, scale }) {
    const random = new Random(seed, 'noise')
    const path = join(folder, 'noise.bin')
    writeLarge(path, scaledSize(SIZE, scale), (length) => random.bytes(length))
    utimesSync(path, TOUCHED_SECONDS, TOUCHED_SECONDS)
  },
  change({ folder, day }) {
    const time = TOUCHED_SECONDS + day * 86_400
    utimesSync(join(folder, 'noise.bin'), time, time)
  },
}

function createImage({ folder, seed, scale }: State): void {
  const content = new ContentWriter(seed, 'image', 'image language')
  writeLarge(join(folder, 'disk.img'), scaledSize(SIZE, scale), (length) => content.image(length))
}
