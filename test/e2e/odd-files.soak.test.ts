/** Files that are not what they seem: without a size, without an end, too deep, beyond all times. */

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonLines, Place, recordOf } from './cairn.ts'

const PETABYTE = 2 ** 50
/** As much as a file can have where sizes are 64 bits: 8 EiB less a page. */
const EXABYTES = '9223372036854771712'
const PATH_SIZE_MAX = 4_095

describe('odd files', () => {
  const place = new Place()
  beforeAll(async () => {
    await place.joinedVault(5)
  }, 60_000)
  afterAll(() => place.remove())

  it.runIf(existsSync('/proc/version'))(
    'of size 0 with content are kept with their content',
    async () => {
      const summary = recordOf(await place.records(['backup', '/proc/version']), 'summary')
      expect(summary).toMatchObject({ files_new: 1, error_count: 0 })
      await place.records(['restore', '/proc/version', '--target', place.at('proc')])
      const content = readFileSync('/proc/version', 'utf8')
      expect(readFileSync(place.at('proc', 'proc', 'version'), 'utf8')).toBe(content)
    },
    30_000,
  )

  it('with holes of petabytes, or of a size beyond what a snapshot holds, are left out with the reason', async () => {
    // In memory, where files may be as large as they say; on disks they may often not.
    const folder = place.at('holes')
    mkdirSync(folder)
    writeFileSync(join(folder, 'letter'), 'kept')
    const isMounted = tryRun('mount', ['-t', 'tmpfs', 'none', folder])
    try {
      if (!isMounted) return
      writeFileSync(join(folder, 'letter'), 'kept')
      writeFileSync(join(folder, 'petabytes'), '')
      truncateSync(join(folder, 'petabytes'), 3 * PETABYTE)
      execFileSync('truncate', ['-s', EXABYTES, join(folder, 'exabytes')])
      const { code, stdout, stderr } = await place.cairn(['backup', folder, '--json'])
      const said = jsonLines(stderr).map((line) => JSON.stringify(line))
      expect(code).toBe(3)
      expect(recordOf(jsonLines(stdout), 'summary')).toMatchObject({ files_new: 1, error_count: 2 })
      expect(said.find((line) => line.includes('petabytes'))).toMatch(/are holes/)
      expect(said.find((line) => line.includes('exabytes'))).toMatch(
        /beyond what a snapshot can hold/,
      )
    } finally {
      if (isMounted) execFileSync('umount', [folder])
    }
  }, 30_000)

  it('as deep as a path can lead, under names of 255 bytes, come back', async () => {
    const root = place.at('deep')
    const name = 'n'.repeat(255)
    const folders: string[] = []
    const room = () => PATH_SIZE_MAX - Buffer.byteLength(join(root, ...folders))
    while (room() > 300) folders.push(name)
    const file = 'f'.repeat(Math.min(255, room() - 1))
    mkdirSync(join(root, ...folders), { recursive: true })
    const path = join(root, ...folders, file)
    writeFileSync(path, 'deep')
    expect(Buffer.byteLength(path)).toBeGreaterThan(PATH_SIZE_MAX - 50)
    const backup = recordOf(await place.records(['backup', root]), 'summary')
    expect(backup).toMatchObject({ files_new: 1, error_count: 0 })

    // Below a target the path would be longer than any: that is said, and all above it is there.
    const target = place.at('back')
    const { code, stderr } = await place.cairn(['restore', root, '--target', target])
    expect([code, stderr]).toEqual([3, expect.stringContaining('ENAMETOOLONG')])
    expect(existsSync(join(target, root, name, name))).toBe(true)
  }, 30_000)

  it('that cannot be read are listed, and the rest is kept', async () => {
    if (process.getuid?.() !== 0) return
    const folder = place.at('sealed')
    mkdirSync(join(folder, 'closed'), { recursive: true })
    for (const name of ['open', 'private', 'closed/inside']) writeFileSync(join(folder, name), name)
    for (const name of ['private', 'closed']) chmodSync(join(folder, name), 0o000)
    for (const name of ['home', '.']) execFileSync('chown', ['-R', 'nobody', place.at(name)])
    for (const name of ['private', 'closed']) {
      execFileSync('chown', ['root:root', join(folder, name)])
    }
    const { code, stdout, stderr } = await place.cairn(['backup', folder, '--json'], {
      uid: 65_534,
    })
    expect(code).toBe(3)
    expect(recordOf(jsonLines(stdout), 'summary')).toMatchObject({ files_new: 1, error_count: 2 })
    const paths = jsonLines(stderr).flatMap((line) =>
      line['path'] === undefined ? [] : [line['path']],
    )
    expect(new Set(paths)).toEqual(new Set([join(folder, 'closed'), join(folder, 'private')]))
  }, 30_000)
})

describe('a Node without FFI', () => {
  const place = new Place()
  afterAll(() => place.remove())
  const env = { NODE_OPTIONS: '--no-experimental-ffi' }

  it('keeps what it can, and says what it cannot', async () => {
    await place.joinedVault(5)
    mkdirSync(place.at('tree'))
    writeFileSync(place.at('tree', 'letter'), 'hello')
    execFileSync('mkfifo', [place.at('tree', 'pipe')])
    const backup = await place.cairn(['backup', place.at('tree')], { env })
    expect([backup.code, backup.stderr]).toEqual([
      0,
      expect.stringContaining('This Node has no FFI'),
    ])
    const args = ['restore', place.at('tree'), '--target', place.at('back')]
    const { code, stderr } = await place.cairn(args, { env })
    expect([code, stderr]).toEqual([3, expect.stringMatching(/pipe.*this Node cannot do that/)])
    expect(readFileSync(join(place.at('back'), place.at('tree', 'letter')), 'utf8')).toBe('hello')
    const tried = await place.records(['doctor', '--metadata', place.at('tree')], { env })
    const lacking = tried.flatMap(({ what, is_kept: isKept }) => (isKept === true ? [] : [what]))
    expect(lacking).toEqual(expect.arrayContaining(['nanoseconds', 'pipes', 'attributes', 'ACLs']))
    expect(lacking).not.toContain('hard links')
  }, 60_000)
})

function tryRun(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
