import { describe, expect, it } from 'vitest'
import { encodeFileExtras } from '../../protocol/file-extras.ts'
import type { Attributes, Span, Version, What } from '../../protocol/tree.ts'
import { fileAttributes, isSameFile, type LinkedFile } from '../../src/history/file-attributes.ts'

describe('the attributes of a file', () => {
  it('are unpacked from its entry, and only there', () => {
    const xattrs = [{ name: text('user.comment'), value: text('hello') }]
    const holes = [{ offset: 4_096, size: 8_192 }]
    const extra = encodeFileExtras({ xattrs, linkedOn: 7n, holes })
    const found = fileAttributes(span({ kind: 'file', version: 1 }, { extra, bornAt: 5 }))
    expect(found).toMatchObject({
      kind: 'file',
      mode: 0o644,
      bornAt: 5,
      xattrs,
      holes,
      linkGroup: '7:9',
    })
    expect([found.target, found.device]).toEqual([undefined, undefined])
  })

  it('say what a link leads to and what a device stands for', () => {
    const device = { major: 8, minor: 1 }
    expect(fileAttributes(span({ kind: 'blockDevice', device })).device).toEqual(device)
    expect(fileAttributes(span({ kind: 'symlink', target: text('x') })).target).toEqual(text('x'))
    expect(fileAttributes(span({ kind: 'fifo' }))).toMatchObject({
      xattrs: [],
      linkGroup: undefined,
    })
  })
})

describe('two names of one inode', () => {
  const one = file(version())

  it('are one file where content and attributes are the same', () => {
    expect(isSameFile(one, file({ ...version(), id: 77 }))).toBe(true)
    const digest = new Uint8Array(32).fill(3)
    const [a, b] = [reference(1), reference(2)]
    expect(isSameFile(file(version([a], digest)), file(version([b], digest)))).toBe(true)
  })

  it('are one file where they changed at the same nanosecond, however their content is stored', () => {
    const ctime = { seconds: 5, nanoseconds: 6 }
    const stored = file(version([reference(5), reference(6)], text('y')), { ctime })
    expect(isSameFile(file(version(), { ctime }), stored)).toBe(true)
    const later = file(version([reference(5)]), { ctime: { seconds: 5, nanoseconds: 7 } })
    expect(isSameFile(file(version(), { ctime }), later)).toBe(false)
  })

  // What could not be read stays as an older snapshot saw it; its inode may be another file's by now.
  it.each<[string, LinkedFile]>([
    ['another object', file(version([reference(5)]))],
    ['another size', file({ ...version(), size: 11 })],
    ['another digest', file(version([reference(1)], new Uint8Array(32)))],
    ['another mode', file(version(), { mode: 0o600 })],
    ['another owner', file(version(), { uid: 0 })],
    ['another time', file(version(), { mtime: { seconds: 1, nanoseconds: 2 } })],
    ['other extras', file(version(), { extra: [{ type: 2, bytes: new Uint8Array(8) }] })],
    ['another kind', { span: span({ kind: 'fifo' }) }],
  ])('are two with %s', (_, other) => {
    const first =
      other.version?.digest === undefined ? one : file(version([reference(1)], text('x')))
    expect(isSameFile(first, other)).toBe(false)
  })

  it('are one link, or one device, where they lead to the same', () => {
    const link = (target: string) => ({ span: span({ kind: 'symlink', target: text(target) }) })
    expect([isSameFile(link('a'), link('a')), isSameFile(link('a'), link('b'))]).toEqual([
      true,
      false,
    ])
    const disk = (minor: number) => ({
      span: span({ kind: 'blockDevice', device: { major: 8, minor } }),
    })
    expect([isSameFile(disk(1), disk(1)), isSameFile(disk(1), disk(2))]).toEqual([true, false])
  })
})

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

function span(what: What, more: Partial<Attributes> = {}): Span {
  const time = { seconds: 1, nanoseconds: 1 }
  const attributes: Attributes = {
    mode: 0o644,
    uid: 1000,
    gid: 1000,
    mtime: time,
    // As of a file system that counts in seconds.
    ctime: { seconds: 1, nanoseconds: 0 },
    inode: 9n,
    size: 10,
    extra: [],
    ...more,
  }
  return { from: 1, until: undefined, attributes, what }
}

function file(content: Version, more: Partial<Attributes> = {}): LinkedFile {
  return { span: span({ kind: 'file', version: content.id }, more), version: content }
}

function reference(pack: number): Version['content']['parts']['references'][number] {
  const key = { type: 'raw' as const, secret: new Uint8Array(32) }
  return { pack, offset: 0, length: 64, key }
}

function version(references = [reference(1)], digest?: Uint8Array): Version {
  const content = { type: 'original' as const, parts: { depth: 0, references } }
  return { id: 1_024, size: 10, digest, label: 'stable', content, extra: [] }
}
