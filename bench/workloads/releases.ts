/**
 * R2 and R2b, real source trees at three successive releases each, as npm has them.
 *
 * R2 is gRPC, 2,137 files of C and C++, 21 MiB: 1.22.0, then 1.22.2 (110 files differ), then 1.23.4 (600).
 * R2b is React Native, 3,600 smaller files of many languages, 15 MiB: 0.73.0, then 0.73.1 (10 files
 * differ), then 0.74.0 (1,520, two of five); its prebuilt compilers are left out, since they are no source.
 *
 * As with a checkout, a file is written only if it differs. Packages are asked of npm once and kept in
 * the temporary folder; what comes is held against the checksums here. Neither seed nor scale matters.
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

interface Release {
  readonly version: string
  /** SHA-512 of the package's file, in base64. */
  readonly digest: string
}

interface Project {
  readonly package: string
  /** Folder that is left out. */
  readonly without?: string
  /** The first state, and a day each. */
  readonly releases: readonly Release[]
}

const GRPC: Project = {
  package: 'grpc',
  releases: [
    {
      version: '1.22.0',
      digest:
        'kQ83nrX2SuiDLHnTI57WZjVqVizD4HYXhAG0aAzq8xAYYylNGXV5r75WIKW8mYZwHMPERBkCGm68ECY/PUlNdA==',
    },
    {
      version: '1.22.2',
      digest:
        'gaK59oAA5/mlOIn+hQO5JROPoAzsaGRpEMcrAayW5WGETS8QScpBoQ+XBxEWAAF0kbeGIELuGRCVEObKS1SLmw==',
    },
    {
      version: '1.23.4',
      digest:
        'VnW5RREY8Sxtvw02McjYx5Zm7qsZ8vIHZnUxU7Bs5/6ksaWzGr5gocDTNh/pQn6PcRfwvlPRE8li1ycBSONEKw==',
    },
  ],
}

const REACT_NATIVE: Project = {
  package: 'react-native',
  without: 'sdks/hermesc',
  releases: [
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
  ],
}

export const releases: readonly Workload[] = [
  workloadOf('R2', 'a real source tree (gRPC); the next patch, then the next release', GRPC),
  workloadOf('R2b', 'the same with React Native, whose release changes much more', REACT_NATIVE),
]

function workloadOf(name: string, title: string, project: Project): Workload {
  return {
    name,
    title,
    scale: 1,
    days: project.releases.length - 1,
    isManyFiles: true,
    create: ({ folder }) => checkOut(project, 0, folder),
    change: ({ folder, day }) => checkOut(project, day, folder),
  }
}

function checkOut(project: Project, index: number, folder: string): void {
  const release = project.releases[index]
  if (release === undefined) {
    throw new WorkloadError(`${project.package} has ${project.releases.length - 1} days`)
  }
  const unpacked = mkdtempSync(join(tmpdir(), 'cairn-bench-release-'))
  try {
    execFileSync('tar', ['-xzf', packageOf(project.package, release), '-C', unpacked])
    const source = join(unpacked, 'package')
    if (project.without !== undefined) rmSync(join(source, project.without), { recursive: true })
    followTree(source, folder)
  } finally {
    rmSync(unpacked, { recursive: true, force: true })
  }
}

/** @returns the package's file, fetched if it is not there yet */
function packageOf(name: string, { version, digest }: Release): string {
  const kept = join(tmpdir(), 'cairn-bench-packages')
  const file = join(kept, `${name}-${version}.tgz`)
  mkdirSync(kept, { recursive: true })
  if (!existsSync(file)) {
    const args = ['pack', `${name}@${version}`, '--pack-destination', kept]
    try {
      execFileSync('npm', args, { stdio: 'ignore', cwd: kept })
    } catch (cause) {
      throw new WorkloadError(`npm could not fetch ${name} ${version}`, { cause })
    }
  }
  if (createHash('sha512').update(readFileSync(file)).digest('base64') !== digest) {
    rmSync(file)
    throw new WorkloadError(`${name} ${version} is not what it was when this was written`)
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
