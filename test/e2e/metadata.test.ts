/**
 * Everything a file is: a tree with every kind of file goes out and comes back, and rsync finds no difference.
 *
 * Devices, other people's files and capabilities need root; where we are somebody else, or rsync, attr, acl or
 * libcap2-bin are not installed, this is skipped. `.ci/run` installs them.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NodeFiles } from '../../src/adapters/node-files.ts'
import { jsonLines, Place, recordOf } from './cairn.ts'

const NOBODY = 65_534

const TOOLS = ['rsync', 'getfattr', 'setfacl', 'setcap']
const missing = TOOLS.filter((tool) => spawnSync('which', [tool]).status !== 0)
const why =
  process.getuid?.() !== 0
    ? 'needs root'
    : missing.length > 0
      ? `needs ${missing.join(', ')}`
      : undefined

describe.skipIf(why !== undefined)(`a tree with every kind of file ${why ?? ''}`, () => {
  const place = new Place()
  let firstRun: Record<string, unknown>[] = []

  beforeAll(async () => {
    await makeTree(place.at('tree'))
    await place.joinedVault(5)
    firstRun = await place.records(['backup', place.at('tree')])
  }, 60_000)
  afterAll(() => place.remove())

  it('is kept but for sockets, which are counted', () => {
    const summary = recordOf(firstRun, 'summary')
    expect(summary).toMatchObject({ unsupported: 1, error_count: 0 })
  })

  it('reads a file with three names once, and no hole at all', () => {
    const { bytes_read: bytesRead, data_added: added } = recordOf(firstRun, 'summary')
    const once = ['letter', 'program', 'setuid', 'sparse', 'later']
    const sizes = once.map((name) => lstatSync(place.at('tree', name)).size)
    const total = sizes.reduce((sum, size) => sum + size, 0)
    expect(bytesRead).toBeLessThan(total + 401_000)
    expect(added).toBeLessThan(1_000_000)
  })

  it('comes back whole as root with --all-metadata: rsync finds nothing, nor do we', async () => {
    const { code, stderr } = await place.cairn([
      'restore',
      place.at('tree'),
      '--target',
      place.at('back'),
      '--all-metadata',
    ])
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('warning')])
    const back = join(place.at('back'), place.at('tree'))
    const sockets = ['--exclude', 'socket']
    const compared = execFileSync(
      'rsync',
      ['-naHAXc', '--delete', '--itemize-changes', ...sockets, `${place.at('tree')}/`, `${back}/`],
      { encoding: 'utf8' },
    )
    expect(compared).toBe('')
    const kept = await everything(place.at('tree'))
    kept.delete('/socket')
    expect(await everything(back)).toEqual(kept)
    expect(lstatSync(join(back, 'sparse')).blocks).toBeLessThan(1_000)
  }, 30_000)

  it('gives no rights away unasked, and says what it left', async () => {
    const records = await place.records([
      'restore',
      place.at('tree'),
      '--target',
      place.at('plain'),
    ])
    expect(kindsOf(records)).toEqual({ capability: 1, device: 2, setuid: 2 })
    expect(recordOf(records, 'summary')['not_set']).toEqual({ capability: 1, device: 2, setuid: 2 })
    const back = join(place.at('plain'), place.at('tree'))
    expect(lstatSync(join(back, 'setuid')).mode & 0o7777).toBe(0o755)
    expect(existsSync(join(back, 'null'))).toBe(false)
    expect(lstatSync(join(back, 'pipe')).isFIFO()).toBe(true)
    expect(attributesOf(join(back, 'program'))).not.toContain('security.capability')
  }, 30_000)

  it('comes back in parts: what is linked with nothing there becomes a file of its own', async () => {
    const folder = place.at('tree', 'folder')
    await place.records(['restore', folder, '--target', place.at('part')])
    const linked = lstatSync(join(place.at('part'), folder, 'third name'))
    expect([linked.nlink, linked.size]).toEqual([1, lstatSync(place.at('tree', 'letter')).size])
  }, 30_000)

  it('costs metadata only where only an attribute, an ACL or a mode changes', async () => {
    execFileSync('setfattr', ['-n', 'user.comment', '-v', 'changed', place.at('tree', 'letter')])
    execFileSync('setfacl', ['-m', 'u:1:r', place.at('tree', 'program')])
    chmodSync(place.at('tree', 'later'), 0o640)
    const summary = recordOf(await place.records(['backup', place.at('tree')]), 'summary')
    expect(summary).toMatchObject({ files_new: 0, files_changed: 0 })
    expect(summary['data_added']).toBeLessThan(20_000)
    await place.records(['restore', place.at('tree', 'letter'), '--target', place.at('again')])
    const again = join(place.at('again'), place.at('tree', 'letter'))
    expect(attributesOf(again)).toContain('user.comment="changed"')
  }, 30_000)

  it('comes back to an ordinary user too, with a list of what he may not set', async () => {
    for (const name of ['home', '.']) execFileSync('chown', ['-R', 'nobody', place.at(name)])
    mkdirSync(place.at('his'))
    chownSync(place.at('his'), NOBODY, NOBODY)
    const args = ['restore', '--at', '1', place.at('tree'), '--target', place.at('his'), '--json']
    const { code, stdout, stderr } = await place.cairn(args, { uid: NOBODY })
    expect([code, stderr]).toEqual([0, expect.stringContaining('could not be set')])
    const kinds = kindsOf(jsonLines(stdout))
    expect(kinds).toMatchObject({ capability: 1, device: 2, setuid: 2 })
    expect(kinds['owner']).toBeGreaterThan(10)
    expect(kinds['xattr']).toBe(1)
    const back = join(place.at('his'), place.at('tree'))
    expect(attributesOf(join(back, 'letter'))).toContain('user.comment="hello"')
    expect(lstatSync(join(back, 'letter')).nlink).toBe(3)

    const asked = await place.cairn(
      [...args.slice(0, -3), '--target', place.at('his', 'all'), '--all-metadata'],
      { uid: NOBODY },
    )
    expect(asked.code).toBe(3)
    expect(asked.stderr).toContain('The owner of')
  }, 30_000)
})

async function makeTree(root: string): Promise<void> {
  const at = (...names: string[]) => join(root, ...names)
  mkdirSync(at('folder'), { recursive: true })
  mkdirSync(at('empty'))
  writeFileSync(at('letter'), 'hello\n'.repeat(20_000))
  linkSync(at('letter'), at('a second name'))
  linkSync(at('letter'), at('folder', 'third name'))
  execFileSync('setfattr', ['-n', 'user.comment', '-v', 'hello', at('letter')])
  execFileSync('setfattr', ['-n', 'user.bytes', '-v', `0x${'00ff0a'.repeat(900)}`, at('letter')])
  execFileSync('setfattr', ['-n', 'trusted.note', '-v', 'for root', at('empty')])
  execFileSync('setfacl', ['-m', 'u:1000:r,g:7:rwx', at('letter')])
  execFileSync('setfacl', ['-m', 'u:1000:rx', '-m', 'd:u:1000:rwx', at('folder')])

  copyFileSync('/bin/true', at('program'))
  execFileSync('setcap', ['cap_net_raw+ep', at('program')])
  copyFileSync('/bin/true', at('setuid'))
  chmodSync(at('setuid'), 0o6755)
  mkdirSync(at('sticky'))
  chmodSync(at('sticky'), 0o3777)
  chownSync(at('empty'), 1_234, 5_678)

  writeFileSync(at('sparse'), 'begin')
  truncateSync(at('sparse'), 200_000_000)
  writeFileSync(at('sparse'), 'end', { flag: 'a' })
  writeFileSync(at('small and sparse'), '')
  truncateSync(at('small and sparse'), 300_000)
  writeFileSync(at('zeros'), new Uint8Array(100_000))

  execFileSync('mkfifo', [at('pipe')])
  chmodSync(at('pipe'), 0o622)
  linkSync(at('pipe'), at('the same pipe'))
  execFileSync('mknod', [at('null'), 'c', '1', '3'])
  execFileSync('mknod', [at('disk'), 'b', '259', '70000'])
  chmodSync(at('disk'), 0o4660)
  symlinkSync('nowhere', at('link'))
  linkSync(at('link'), at('the same link'))
  execFileSync('chown', ['-h', '1234:5678', at('link')])
  execFileSync('touch', ['-h', '-d', '2001-01-01 00:00:00.123456789', at('link')])

  writeFileSync(at('earlier'), '1950')
  execFileSync('touch', ['-d', '1950-01-01 00:00:00.5', at('earlier')])
  writeFileSync(at('later'), '2400')
  execFileSync('touch', ['-d', '2400-01-01 00:00:00.25', at('later')])
  writeFileSync(at('n'.repeat(255)), 'longest name')
  writeFileSync(Buffer.from(`${root}/\xff\xfe\n`, 'latin1'), 'no text')

  const server = createServer().listen(at('socket'))
  await new Promise((resolve) => server.once('listening', resolve))
  // Closing takes the name away; another name stays.
  renameSync(at('socket'), at('socket.kept'))
  await new Promise((resolve) => server.close(resolve))
  renameSync(at('socket.kept'), at('socket'))
}

/** All that can be seen of a tree: by path, names of one inode together. */
async function everything(root: string): Promise<Map<string, unknown>> {
  const files = new NodeFiles()
  const seen = new Map<string, unknown>()
  const inodes = new Map<bigint, string>()
  const bytesOf = (path: string) => new Uint8Array(Buffer.from(path, 'latin1'))
  const look = async (path: string) => {
    const { inode, kind, mode, uid, gid, size, mtime, linkCount, deviceNumber } =
      await files.status(bytesOf(path))
    const first = inodes.get(inode) ?? path.slice(root.length)
    inodes.set(inode, first)
    const xattrs = (await files.xattrs(bytesOf(path))).map(({ name, value }) =>
      [name, value].map((bytes) => Buffer.from(bytes).toString('latin1')).join('='),
    )
    const isFile = kind === 'file'
    seen.set(path.slice(root.length), {
      kind,
      mode,
      uid,
      gid,
      mtime,
      deviceNumber,
      size: isFile ? size : undefined,
      linkCount: kind === 'folder' ? undefined : linkCount,
      first,
      xattrs: inOrder(xattrs),
      target: kind === 'symlink' ? await files.readLink(bytesOf(path)) : undefined,
      holes: isFile ? await holesOf(files, bytesOf(path)) : undefined,
    })
    if (kind !== 'folder') return
    const names = await files.list(bytesOf(path))
    for (const name of names.map((each) => Buffer.from(each).toString('latin1')).toSorted()) {
      await look(`${path}/${name}`)
    }
  }
  await look(root)
  return seen
}

function inOrder(texts: readonly string[]): string[] {
  return texts.toSorted((a, b) => (a < b ? -1 : 1))
}

async function holesOf(files: NodeFiles, path: Uint8Array): Promise<unknown> {
  const reader = await files.open(path)
  const holes = await reader.holes(100)
  await reader.close()
  return holes
}

function attributesOf(path: string): string {
  return execFileSync('getfattr', ['-d', '-m', '-', '--absolute-names', path], { encoding: 'utf8' })
}

function kindsOf(records: readonly Record<string, unknown>[]): Record<string, number> {
  const kinds: Record<string, number> = {}
  for (const { message_type: type, what } of records) {
    if (type === 'not_set') kinds[String(what)] = (kinds[String(what)] ?? 0) + 1
  }
  return kinds
}
