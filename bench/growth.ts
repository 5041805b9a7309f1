/**
 * Growth: what a first backup and an unchanged one cost as trees get many files and files get large.
 *
 * Trees are of empty and tiny files and lie in memory; a large file is of noise and lies on disk, with
 * seven fourths of its size beside it in shares.
 */

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { removeTree } from '../src/cli/demo/remove-tree.ts'
import { Random } from './random.ts'
import type { GrowthResult } from './results.ts'
import { CairnSession } from './tools/cairn.ts'
import { restic } from './tools/others.ts'
import type { Place } from './tools/tool.ts'
import { writeLarge } from './workloads/large-file.ts'

const GIB = 2 ** 30
const FILES_PER_FOLDER = 200
const SETTLE_MS = 2_100

/** Larger trees would keep restic busy for minutes, and tell nothing more. */
const BESIDE_FILES_MAX = 300_000

export interface GrowthOptions {
  /** How many files each tree has. */
  readonly files: readonly number[]
  /** GiB of each large file. */
  readonly sizes: readonly number[]
  readonly seed: number
  readonly folder?: string
  readonly say: (line: string) => void
}

/** Measures one tree after the other, small ones first. */
export async function* measureGrowth(options: GrowthOptions): AsyncGenerator<GrowthResult> {
  const { seed, folder, say } = options
  for (const files of options.files) {
    say(`growth: ${files} files`)
    const write = (source: string) => writeTinyFiles(source, files, seed)
    const { bytes, ...measured } = await measure(
      folder ?? '/dev/shm',
      write,
      async (session, place) => {
        const { records: _, summary: __, ...scan } = await session.tell('scan', place.source)
        const beside = files > BESIDE_FILES_MAX ? undefined : await unchangedByRestic(place)
        return { scan, ...(beside === undefined ? {} : { beside }) }
      },
    )
    yield { kind: 'files', files, bytes, ...measured }
  }
  for (const size of options.sizes) {
    say(`growth: one file of ${size} GiB`)
    const write = (source: string) => {
      const random = new Random(seed, 'large')
      writeLarge(join(source, 'large.bin'), size * GIB, (length) => random.bytes(length))
      return size * GIB
    }
    const { bytes, ...measured } = await measure(folder ?? tmpdir(), write, () =>
      Promise.resolve({}),
    )
    yield { kind: 'file', files: 1, bytes, ...measured }
  }
}

/** @param more - what else is measured of the same tree once nothing changed */
async function measure<T>(
  place: string,
  write: (source: string) => number,
  more: (session: CairnSession, place: Place) => Promise<T>,
) {
  const base = mkdtempSync(join(place, 'cairn-bench-'))
  const remove = () => removeTree(base)
  process.once('exit', remove)
  try {
    const [source, folder] = [join(base, 'source'), join(base, 'cairn')]
    mkdirSync(source)
    mkdirSync(folder)
    const bytes = write(source)
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    const session = await CairnSession.open({ source, folder })
    try {
      const first = await session.backup()
      const unchanged = await session.backup()
      return { bytes, first, unchanged, ...(await more(session, { source, folder: base })) }
    } finally {
      await session.close()
    }
  } finally {
    process.off('exit', remove)
    remove()
  }
}

/** @returns undefined where restic is not installed */
async function unchangedByRestic({ source, folder: base }: Place): Promise<GrowthResult['beside']> {
  if (restic.version() === undefined) return undefined
  const folder = join(base, 'restic')
  mkdirSync(folder)
  const session = await restic.open({ source, folder })
  try {
    await session.backup()
    return { tool: 'restic', unchanged: await session.backup() }
  } finally {
    await session.close()
  }
}

/** A third of them empty, the others up to 64 bytes, no two alike. @returns their bytes */
function writeTinyFiles(source: string, count: number, seed: number): number {
  const random = new Random(seed, 'many')
  let bytes = 0
  let folder = source
  for (let index = 0; index < count; index++) {
    if (index % FILES_PER_FOLDER === 0) {
      const number = index / FILES_PER_FOLDER
      folder = join(source, `group-${Math.floor(number / 100)}`, `folder-${number}`)
      mkdirSync(folder, { recursive: true })
    }
    const content = index % 3 === 0 ? '' : `${index} ${'.'.repeat(random.below(56))}`
    writeFileSync(join(folder, `file-${index}.txt`), content)
    bytes += content.length
  }
  return bytes
}
