import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { zstdCompressSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { ContentWriter } from '../../bench/workloads/content.ts'
import { workloadNamed, WORKLOADS } from '../../bench/workloads/index.ts'
import { followTree } from '../../bench/workloads/releases.ts'
import { writeWorkload } from '../../bench/workloads/write.ts'
import { takeManifest, type TreeManifest } from '../../src/cli/demo/tree-manifest.ts'

/** Small enough for a test, large enough for each kind of change. */
const SCALES: Record<string, number> = {
  W1: 0.0025,
  W2: 0.004,
  W2b: 0.004,
  W3: 0.002,
  W4: 0.002,
  W5: 0.004,
  W6: 0.002,
  W7: 0.001,
}
const NAMES = Object.keys(SCALES)

const folders: string[] = []
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true })
})

describe('workloads', () => {
  it('are those that the bench promises', () => {
    expect(WORKLOADS.map(({ name }) => name).toSorted()).toEqual([...NAMES, 'R2', 'R2b'].toSorted())
  })

  it.each(NAMES)(
    '%s is the same for the same seed, day by day, and another for another',
    async (name) => {
      const [one, same, other] = [folder(), folder(), folder()]
      for (const day of [0, 1]) {
        await write(name, one, { day })
        await write(name, same, { day })
        expect(digestOf(same)).toBe(digestOf(one))
      }
      await write(name, other, { seed: 2 })
      await write(name, other, { seed: 2, day: 1 })
      expect(digestOf(other)).not.toBe(digestOf(one))
    },
  )

  it('are not written over what is there', async () => {
    const there = folder()
    await write('W7', there)
    await expect(write('W7', there)).rejects.toThrow('is not empty')
  })
})

describe('a day', () => {
  it('of W1 edits 2 %, adds 1 %, deletes 0.5 % and renames 0.5 %', async () => {
    const { before, after } = await oneDay('W1')
    expect(regularFiles(before)).toBe(100 + 20)
    expect([...before.values()].filter(({ kind }) => kind === 'symlink')).toHaveLength(40)
    // Of the 80 with one name.
    const { edited, gone, fresh, moved } = changes(before, after)
    expect(edited).toBe(2)
    expect(moved).toBe(1)
    expect(gone).toBe(1 + moved)
    expect(fresh).toBe(1 + moved)
  })

  it('of W6 edits 1 %, adds 0.5 %, deletes 0.5 % and renames 0.2 %', async () => {
    const { before, after } = await oneDay('W6')
    expect(regularFiles(before)).toBe(200)
    expect(Math.max(...[...before.values()].map(({ size }) => size))).toBeLessThanOrEqual(4096)
    const { edited, gone, fresh, moved } = changes(before, after)
    expect(edited).toBe(2)
    expect(moved).toBe(1)
    expect(gone).toBe(1 + moved)
    expect(fresh).toBe(1 + moved)
  })

  it('of W2 overwrites whole pages and leaves the size', async () => {
    const { old, now } = await dayOfFile('W2', 'disk.img')
    expect(now.length).toBe(old.length)
    expect(pagesChanged(old, now)).toBe(1)
  })

  it('of W2b inserts 100 bytes and changes nothing else', async () => {
    const { old, now } = await dayOfFile('W2b', 'disk.img')
    expect(now.length).toBe(old.length + 100)
    const at = firstDifference(old, now)
    expect(now.subarray(at + 100).equals(old.subarray(at))).toBe(true)
  })

  it('of W3 inserts, updates and deletes rows of a sound database', async () => {
    const { place } = await oneDay('W3')
    const database = new DatabaseSync(join(place, 'messages.db'), { readOnly: true })
    const [check, rows] = [
      database.prepare('pragma integrity_check').get(),
      database.prepare('select count(*) as n from message where sent > 1999999999').get(),
    ]
    database.close()
    expect(check).toEqual({ integrity_check: 'ok' })
    expect(rows?.['n']).toBe(1)
  })

  it('of W4 appends only', async () => {
    const { old, now } = await dayOfFile('W4', 'app.log')
    expect(now.length).toBeGreaterThan(old.length)
    expect(now.subarray(0, old.length).equals(old)).toBe(true)
  })

  it('of W5 deletes a mail, changes a status line and appends mails', async () => {
    const { old, now } = await dayOfFile('W5', 'mbox')
    const ids = (mails: Buffer) => new Set(mails.toString('latin1').match(/^Message-ID: .*$/gm))
    expect([...ids(old)].filter((id) => !ids(now).has(id))).toHaveLength(1)
    expect([...ids(now)].filter((id) => !ids(old).has(id)).length).toBeGreaterThan(0)
  })

  it('of W7 touches the file', async () => {
    const { before, after } = await oneDay('W7')
    const [old, now] = [before.get('noise.bin'), after.get('noise.bin')]
    expect(now?.content).toBe(old?.content)
    expect(now?.mtime).not.toBe(old?.mtime)
  })

  it('of R2 writes only files that differ', async () => {
    const [source, target] = [folder(), folder()]
    await write('W6', source)
    followTree(source, target)
    expect(contents(target)).toEqual(contents(source))
    const before = takeManifest(target)
    await write('W6', source, { day: 1 })
    followTree(source, target)
    expect(contents(target)).toEqual(contents(source))
    const kept = [...takeManifest(target)].filter(([path, now]) => {
      const old = before.get(path)
      return now.kind === 'file' && old !== undefined && old.content === now.content
    })
    expect(kept.filter(([path, now]) => before.get(path)?.mtime !== now.mtime)).toEqual([])
  })
})

describe('content', () => {
  it('of text compresses about 2.5 : 1, noise not at all', () => {
    const content = new ContentWriter(7, 'test', 'language')
    const ratio = (bytes: Buffer) => bytes.length / zstdCompressSync(bytes).length
    expect(ratio(content.text(4 << 20))).toBeGreaterThan(2.3)
    expect(ratio(content.text(4 << 20))).toBeLessThan(2.8)
    expect(ratio(content.noise(1 << 20))).toBeLessThan(1.001)
  })
})

async function write(
  name: string,
  place: string,
  { seed = 1, day = 0 }: { seed?: number; day?: number } = {},
): Promise<void> {
  const workload = workloadNamed(name)
  if (workload === undefined) throw new Error(`no workload ${name}`)
  await writeWorkload({ workload, folder: place, seed, scale: SCALES[name] ?? 1, day })
}

/** The first state and the day after, in a folder of their own. */
async function oneDay(
  name: string,
): Promise<{ place: string; before: TreeManifest; after: TreeManifest }> {
  const place = folder()
  await write(name, place)
  const before = takeManifest(place)
  await write(name, place, { day: 1 })
  return { place, before, after: takeManifest(place) }
}

async function dayOfFile(name: string, file: string): Promise<{ old: Buffer; now: Buffer }> {
  const place = folder()
  await write(name, place)
  const old = readFileSync(join(place, file))
  await write(name, place, { day: 1 })
  expect(statSync(join(place, file)).size).toBeGreaterThan(0)
  return { old, now: readFileSync(join(place, file)) }
}

function changes(before: TreeManifest, after: TreeManifest) {
  const files = (tree: TreeManifest) => [...tree].filter(([, { kind }]) => kind === 'file')
  const gone = files(before).filter(([path]) => !after.has(path))
  const fresh = files(after).filter(([path]) => !before.has(path))
  const edited = files(before).filter(
    ([path, { content }]) => after.has(path) && after.get(path)?.content !== content,
  )
  const wereThere = new Set(gone.map(([, { content }]) => content))
  const moved = fresh.filter(([, { content }]) => wereThere.has(content))
  return {
    edited: edited.length,
    gone: gone.length,
    fresh: fresh.length,
    moved: moved.length,
  }
}

function regularFiles(tree: TreeManifest): number {
  return [...tree.values()].filter(({ kind }) => kind === 'file').length
}

/** Names, kinds, sizes and bytes. */
function contents(place: string): string[] {
  return [...takeManifest(place)].map(
    ([path, { kind, size, content }]) => `${path} ${kind} ${size} ${content}`,
  )
}

function digestOf(place: string): string {
  return createHash('sha256').update(contents(place).toSorted().join('\n')).digest('hex')
}

function pagesChanged(old: Buffer, now: Buffer): number {
  let count = 0
  for (let at = 0; at < old.length; at += 4096) {
    if (!old.subarray(at, at + 4096).equals(now.subarray(at, at + 4096))) count++
  }
  return count
}

function firstDifference(old: Buffer, now: Buffer): number {
  let at = 0
  while (at < old.length && old[at] === now[at]) at++
  return at
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'cairn-bench-test-'))
  folders.push(made)
  return made
}
