import { spawnSync } from 'node:child_process'
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { concat, utf8 } from '../../protocol/bytes.ts'
import { tarEnd, tarHeader, tarPadding, type TarEntry } from '../../src/codec/tar.ts'

let folder = ''
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'cairn-tar-'))))
afterAll(() => rmSync(folder, { recursive: true }))

describe('an archive', () => {
  it('is unpacked by GNU tar as it was meant: names, times, links, sizes', () => {
    const long = `${'long-folder/'.repeat(20)}${'n'.repeat(200)}`
    unpack([
      [{ ...plain, path: utf8('folder'), kind: 'folder', mode: 0o700 }, ''],
      [{ ...plain, path: utf8('folder/ordinary'), size: 3 }, 'abc'],
      [{ ...plain, path: utf8('block'), size: 512 }, 'x'.repeat(512)],
      [{ ...plain, path: utf8('naïve ☃'), size: 1 }, 'i'],
      [{ ...plain, path: utf8(long), size: 4 }, 'deep'],
      [{ ...plain, path: bytes('no\xfftext'), size: 1 }, 'n'],
      [{ ...plain, path: bytes(`no\xff${'t'.repeat(120)}`), size: 1 }, 'n'],
      [{ ...plain, path: utf8('before'), mtime: { seconds: -5, nanoseconds: 250_000_000 } }, ''],
      [{ ...plain, path: utf8('late'), mtime: { seconds: 8 ** 11 + 5, nanoseconds: 1 } }, ''],
      [{ ...plain, path: utf8('link'), kind: 'symlink', link: bytes('t\xfe') }, ''],
      [{ ...plain, path: utf8('far'), kind: 'symlink', link: utf8('t'.repeat(300)) }, ''],
      [{ ...plain, path: utf8('other'), kind: 'hardLink', link: utf8('folder/ordinary') }, ''],
      [{ ...plain, path: utf8('pipe'), kind: 'fifo', mode: 0o600 }, ''],
    ])
    const at = (...names: string[]) => join(folder, ...names)
    expect(statSync(at('folder')).mode & 0o7777).toBe(0o700)
    expect(statSync(at('folder/ordinary'), { bigint: true }).mtimeNs).toBe(
      1_700_000_000_123_456_789n,
    )
    expect(statSync(at('block')).size).toBe(512)
    expect(statSync(at('naïve ☃')).size).toBe(1)
    expect(statSync(at(long)).size).toBe(4)
    expect(statSync(at('before'), { bigint: true }).mtimeNs).toBe(-4_750_000_000n)
    expect(statSync(at('late'), { bigint: true }).mtimeNs).toBe(
      (8n ** 11n + 5n) * 1_000_000_000n + 1n,
    )
    const link = readlinkSync(at('link'), { encoding: 'buffer' })
    expect(link).toEqual(Buffer.from('t\xfe', 'latin1'))
    expect(readlinkSync(at('far'))).toHaveLength(300)
    expect(statSync(at('other')).ino).toBe(statSync(at('folder/ordinary')).ino)
    expect(lstatSync(at('pipe')).isFIFO()).toBe(true)
    const names = readdirSync(folder, { encoding: 'buffer' }).map((name) => name.toString('latin1'))
    expect(names).toContain('no\xfftext')
    expect(names).toContain(`no\xff${'t'.repeat(120)}`)
  })

  it('holds numbers beyond what a header has digits for', () => {
    const header = tarHeader({ ...plain, path: utf8('big'), size: 2 ** 35, uid: 3_000_000 })
    const listed = tar(['-tv', '--numeric-owner'], header)
    expect(listed.stdout).toMatch(/3000000\/0\s+34359738368 .* big\n/)
  })

  it('holds extended attributes byte for byte, and ACLs in words', () => {
    const acl =
      '02000000 0100 0600 ffffffff 0200 0400 e8030000 0400 0400 ffffffff 1000 0600 ffffffff 2000 0000 ffffffff'
    const header = tarHeader({
      ...plain,
      path: utf8('file'),
      attributes: [
        { name: utf8('user.a=b%'), value: Uint8Array.of(0, 255, 10, 61) },
        {
          name: utf8('system.posix_acl_access'),
          value: Buffer.from(acl.replaceAll(' ', ''), 'hex'),
        },
      ],
    })
    const text = Buffer.from(header).toString('latin1')
    expect(text).toContain('SCHILY.xattr.user.a%3Db%25=\x00\xff\n=\n')
    expect(text).toContain(
      'SCHILY.acl.access=user::rw-\nuser:1000:r--\ngroup::r--\nmask::rw-\nother::---\n',
    )
    const end = tarEnd(header.length)
    const listed = tar(['-tvv', '--xattrs', '--acls'], concat(header, end))
    expect(listed).toMatchObject({ status: 0, stderr: '' })
    expect(listed.stdout).toContain('x: 4 user.a=b%')
  })
})

const plain: TarEntry = {
  path: utf8('file'),
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: { seconds: 1_700_000_000, nanoseconds: 123_456_789 },
  size: 0,
}

function unpack(entries: readonly (readonly [TarEntry, string])[]): void {
  const whole = concat(
    ...entries.flatMap(([entry, content]) => [
      tarHeader(entry),
      utf8(content),
      tarPadding(entry.size),
    ]),
  )
  const archive = concat(whole, tarEnd(whole.length))
  expect(archive.length % 10_240).toBe(0)
  const { status, stderr } = tar(['-x', '-C', folder], archive)
  expect({ status, stderr: stderr.replaceAll(/.*time stamp.*\n/g, '') }).toEqual({
    status: 0,
    stderr: '',
  })
}

function tar(args: readonly string[], archive: Uint8Array) {
  writeFileSync(join(folder, '.archive'), archive)
  return spawnSync('tar', [...args, '-f', join(folder, '.archive')], { encoding: 'utf8' })
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}
