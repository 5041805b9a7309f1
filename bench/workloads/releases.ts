/**
 * R2, a real source tree at three successive releases: React Native 0.73.0, 0.73.1 (a patch: ten
 * files) and 0.74.0 (a release: 1,500 files of 3,600), as npm has them, 19 MiB.
 *
 * The prebuilt compilers in `sdks/hermesc` are left out: they are no source. As with a checkout, a file
 * is written only if it differs. Packages are asked of npm once and kept in the temporary folder; what
 * comes is held against the checksums here. Neither seed nor scale matters.
 */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { WorkloadError } from './workload-error.ts'
import type { Workload } from './workload.ts'

const PACKAGE = 'react-native'

/** Of the first state and of each day; SHA-512 in base64. */
const RELEASES = [
  {
    version: '0.73.0',
    digest:
      'ya7wu/L8BeATv2rtXZDToYyD9XuTTDCByi8LvJGr6GKSXcmokkCRMGAiTEZfPkq7+nhVmbasjtoAJDuMRYfudQ==',
  },
  {
    version: '0.73.1',
    digest:
      'nLl9O2yKRh1nMXwsk4SUiD0ddd19RqlKgNU9AU8bTK/zD2xwnVOG56YK1/22SN67niWyoeG83vVg1eTk+S6ReA==',
  },
  {
    version: '0.74.0',
    digest:
      'Vpp9WPmkCm4TUH5YDxwQhqktGVon/yLpjbTgjgLqup3GglOgWagYCX3MlmK1iksIcqtyMJHMEWa+UEzJ3G9T8w==',
  },
] as const

export const releases: Workload = {
  name: 'R2',
  title: 'a real source tree (React Native); the next patch, then the next release',
  scale: 1,
  days: RELEASES.length - 1,
  isManyFiles: true,
  create: ({ folder }) => checkOut(0, folder),
  change: ({ folder, day }) => checkOut(day, folder),
}

function checkOut(index: number, folder: string): void {
  const release = RELEASES[index]
  if (release === undefined) throw new WorkloadError(`R2 has ${RELEASES.length - 1} days`)
  const unpacked = mkdtempSync(join(tmpdir(), 'cairn-bench-release-'))
  try {
    execFileSync('tar', ['-xzf', packageOf(release), '-C', unpacked])
    rmSync(join(unpacked, 'package/sdks/hermesc'), { recursive: true })
    followTree(join(unpacked, 'package'), folder)
  } finally {
    rmSync(unpacked, { recursive: true, force: true })
  }
}

/** @returns the package's file, fetched if it is not there yet */
function packageOf({ version, digest }: { version: string; digest: string }): string {
  const kept = join(tmpdir(), 'cairn-bench-packages')
  const file = join(kept, `${PACKAGE}-${version}.tgz`)
  mkdirSync(kept, { recursive: true })
  if (!existsSync(file)) {
    const args = ['pack', `${PACKAGE}@${version}`, '--pack-destination', kept]
    try {
      execFileSync('npm', args, { stdio: 'ignore', cwd: kept })
    } catch (cause) {
      throw new WorkloadError(`npm could not fetch ${PACKAGE} ${version}`, { cause })
    }
  }
  if (createHash('sha512').update(readFileSync(file)).digest('base64') !== digest) {
    rmSync(file)
    throw new WorkloadError(`${PACKAGE} ${version} is not what it was when this was written`)
  }
  return file
}

/** Make `target` the same as `source`, writing only files that differ and removing what is gone. */
export function followTree(source: string, target: string): void {
  const wanted = new Set(filesBelow(source))
  for (const path of filesBelow(target)) if (!wanted.has(path)) rmSync(join(target, path))
  for (const path of wanted) {
    const bytes = readFileSync(join(source, path))
    const to = join(target, path)
    if (existsSync(to) && readFileSync(to).equals(bytes)) continue
    mkdirSync(dirname(to), { recursive: true })
    writeFileSync(to, bytes, { mode: lstatSync(join(source, path)).mode & 0o777 })
  }
  removeEmptyFolders(target)
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted()
}

function removeEmptyFolders(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const below = join(folder, entry.name)
    removeEmptyFolders(below)
    if (readdirSync(below).length === 0) rmSync(below, { recursive: true })
  }
}
