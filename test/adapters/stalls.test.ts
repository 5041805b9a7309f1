import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { NodeFiles } from '../../src/adapters/node-files.ts'
import { Stalls } from '../../src/adapters/stalls.ts'
import { recordsOf } from '../../src/base/stretch.ts'
import type { FileReader } from '../../src/ports/files.ts'
import type { Scanned } from '../../src/ports/scan.ts'
import { text } from '../ports/story.ts'
import { silentFile } from '../support/silent-file.ts'
import { stallFolder } from '../support/stalled-folder.ts'
import { makeFolder } from './folder.ts'

const forever = new AbortController().signal
const STALL_MS = 1_000

describe('a file system that does not answer', () => {
  it('is told and left alone by a scan, which goes on behind it', async ({ skip }) => {
    const root = makeFolder()
    for (const name of ['a', 'm', 'z']) mkdirSync(join(root, name))
    for (const name of ['a/1', 'm/inside', 'z/2']) writeFileSync(join(root, name), '')
    const release = stallFolder(join(root, 'm')) ?? skip('this machine mounts nothing for us')
    try {
      const files = new NodeFiles({ stallMs: STALL_MS })
      const found = await told(files.scan({ folders: [text(root)], excluded: [] }, forever), root)
      expect(found).toEqual([': a z, m ETIMEDOUT', '/a: 1', '/z: 2'])
      // Once known, it costs nobody any time.
      const begun = performance.now()
      const again = await told(files.scan({ folders: [text(root)], excluded: [] }, forever), root)
      expect(again).toEqual(found)
      await expect(files.probe(text(join(root, 'm', 'inside')))).rejects.toThrow('ETIMEDOUT')
      await expect(files.open(text(join(root, 'm', 'inside')))).rejects.toThrow('ETIMEDOUT')
      expect(performance.now() - begun).toBeLessThan(STALL_MS)
      expect((await files.probe(text(join(root, 'a', '1')))).kind).toBe('file')
    } finally {
      release()
    }
  })

  it('is told where the scan begins there, and where a file is opened', async ({ skip }) => {
    const root = makeFolder()
    mkdirSync(join(root, 'm'))
    writeFileSync(join(root, 'b'), 'calm')
    const release = stallFolder(join(root, 'm')) ?? skip('this machine mounts nothing for us')
    try {
      const request = { folders: [text(join(root, 'm'))], excluded: [] }
      const scanning = new NodeFiles({ stallMs: STALL_MS }).scan(request, forever)
      expect(await told(scanning, root)).toEqual(['/m ETIMEDOUT'])
      const opening = new NodeFiles({ stallMs: STALL_MS })
      await expect(opening.open(text(join(root, 'm', 'x')))).rejects.toThrow('ETIMEDOUT')
      // Beside a small file that hangs, those of other file systems are read.
      const reading = new NodeFiles({ stallMs: STALL_MS })
      const wanted = ['m/x', 'b'].map((name) => ({ path: text(join(root, name)), size: 4 }))
      expect((await reading.readSmall(wanted)).files).toEqual([undefined, undefined])
      const calm = await reading.readSmall(wanted.slice(1))
      expect(calm.files.map((file) => file?.status.size)).toEqual([4])
    } finally {
      release()
    }
  })

  it('is told of what is beside a file, and of where a link leads', async ({ skip }) => {
    const root = makeFolder()
    for (const name of ['a', 'm', 'z']) mkdirSync(join(root, name))
    symlinkSync('target', join(root, 'link'))
    const release = stallFolder(join(root, 'm')) ?? skip('this machine mounts nothing for us')
    try {
      const files = new NodeFiles({ stallMs: STALL_MS })
      const at = (name: string) => text(join(root, name))
      const others = files.look([at('z')])
      const looked = await files.look(['a', 'm/x', 'link', 'm', 'no'].map(at))
      const [a, inside, link, m, no] = looked
      expect(a).toMatchObject({ status: { kind: 'folder' }, xattrs: [], target: undefined })
      expect(link).toMatchObject({ status: { kind: 'symlink' }, target: text('target') })
      expect([inside, m, no]).toEqual(
        ['ETIMEDOUT', 'ETIMEDOUT', 'ENOENT'].map((code) => ({ code })),
      )
      // Whoever asked at the same time has an answer.
      expect(await others).toMatchObject([{ status: { kind: 'folder' } }])
      const begun = performance.now()
      await expect(files.readLink(at('m/x'))).rejects.toThrow('ETIMEDOUT')
      expect(await files.look([at('m/x'), at('m')])).toEqual([inside, m])
      expect(performance.now() - begun).toBeLessThan(STALL_MS)
      const other = new NodeFiles({ stallMs: STALL_MS })
      await expect(other.readLink(at('m/x'))).rejects.toThrow('ETIMEDOUT')
    } finally {
      release()
    }
  })

  it.for([
    ['status', (file: FileReader) => file.status()],
    ['attributes', (file: FileReader) => file.xattrs()],
    ['holes', (file: FileReader) => file.holes(9)],
    ['content', (file: FileReader) => file.read(0, 10)],
    ['copy', (file: FileReader) => file.clone()],
  ] as const)(
    'is told of an open file’s %s, and the file closed all the same',
    async ([what, use], { skip }) => {
      const root = makeFolder()
      mkdirSync(join(root, 'm'))
      const served = silentFile(join(root, 'm'), { size: 5000, blocks: 1 })
      const release = served ?? skip('this machine mounts nothing for us')
      try {
        const files = new NodeFiles({ stallMs: STALL_MS, copies: root })
        const file = await files.open(text(join(root, 'm', 'x')))
        const begun = performance.now()
        // What the kernel keeps of a status needs no answer.
        if (what === 'status') expect(await use(file)).toMatchObject({ size: 5000 })
        else if (what === 'copy') expect(await use(file)).toBeUndefined()
        else await expect(use(file)).rejects.toThrow('ETIMEDOUT')
        await file.close()
        expect(performance.now() - begun).toBeLessThan(3 * STALL_MS)
        writeFileSync(join(root, 'b'), '')
        expect((await files.probe(text(join(root, 'b')))).kind).toBe('file')
      } finally {
        release()
      }
    },
  )

  it('is every path on it, and nothing beside it', () => {
    const stalls = new Stalls(STALL_MS)
    expect(stalls.has('/media/x')).toBe(false)
    const place = stalls.note('/nowhere mounted/x')
    expect(place).toBe('/nowhere mounted/x')
    const paths = ['/nowhere mounted/x', '/nowhere mounted/x/y', '/nowhere mounted/xy', '/']
    expect(paths.map((path) => stalls.has(path))).toEqual([true, true, false, false])
  })
})

/** What a scan tells, a line for each folder below the root. */
async function told(batches: AsyncIterable<readonly Scanned[]>, root: string): Promise<string[]> {
  const found: string[] = []
  for await (const batch of batches) {
    for (const scanned of batch) {
      const folder = toText(scanned.folder).slice(root.length)
      if (scanned.type === 'unlisted') found.push(`${folder} ${scanned.code}`)
      if (scanned.type !== 'stretch') continue
      const names = [...recordsOf(scanned.records)].map(({ name }) => toText(name)).join(' ')
      const troubles = scanned.troubles.map(({ name, code }) => `${toText(name)} ${code}`)
      found.push(`${folder}: ${[names, ...troubles].join(', ')}`)
    }
  }
  return found
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
