import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { scanInThread } from '../../src/adapters/folder-scan.ts'
import { recordsOf } from '../../src/base/stretch.ts'
import type { Scanned } from '../../src/ports/scan.ts'
import { NO_RULES } from '../../src/source/rules.ts'
import { text } from '../ports/story.ts'
import { makeFolder } from './folder.ts'

const forever = new AbortController().signal

describe('a scan in a thread', () => {
  it('tells more than one batch holds, in order', async () => {
    const root = makeFolder()
    const folders = Array.from({ length: 2_500 }, (_, index) => `${10_000 + index}`)
    for (const folder of folders) mkdirSync(join(root, folder))
    const names = Array.from({ length: 12_000 }, (_, index) => `a rather long name ${index}`)
    for (const name of names) writeFileSync(join(root, '11000', name), '')

    const found = await scan(root)
    expect(found.flatMap((each) => namesOf(each, root))).toEqual(folders)
    expect(found.flatMap((each) => namesOf(each, join(root, '11000')))).toEqual(names.toSorted())
    const order = found.map(({ folder }) => toText(folder)).filter((path) => path !== root)
    expect([...new Set(order)]).toEqual(folders.map((folder) => join(root, folder)))
  })

  it.runIf(process.platform === 'linux')(
    'keeps the places where the system shows itself, and looks into none, unless one is asked for',
    async () => {
      const texts = ['/*', '!/proc', '!/dev', '!/sys']
      const patterns = texts.map((each) => ({ text: each, origin: '', isCaseIgnored: false }))
      const rules = { ...NO_RULES, patterns }
      const found = await drain(
        scanInThread({ folders: [text('/')], excluded: [], rules }, forever),
      )
      const passed = found.flatMap((each) => (each.type === 'passed' ? [each] : []))
      expect(passed.map(({ folder, why }) => `${toText(folder)} ${why}`)).toEqual([
        '/dev system',
        '/proc system',
        '/sys system',
      ])
      expect(found.flatMap((each) => namesOf(each))).toEqual(['dev', 'proc', 'sys'])

      const asked = await drain(
        scanInThread({ folders: [text('/proc/self/net')], excluded: [], rules }, forever),
      )
      expect(asked.filter(({ type }) => type === 'passed')).toEqual([])
    },
  )

  it('tells of FIFOs without opening them', async () => {
    const root = makeFolder()
    execFileSync('mkfifo', [join(root, 'fifo')])
    writeFileSync(join(root, 'file'), 'abc')
    const [stretch] = await scan(root)
    expect(stretch).toMatchObject({ files: 1, bytes: 3, specials: 1, unsupported: 0, troubles: [] })
    expect(stretch && namesOf(stretch, root)).toEqual(['fifo', 'file'])
  })

  it('tells what lies too deep for a path, and goes on behind it', async () => {
    const root = makeFolder()
    const name = 'd'.repeat(250)
    const deep = Array.from({ length: 10 }, () => name)
    // No call takes a path as long as that: two halves are made and put together.
    mkdirSync(join(root, ...deep), { recursive: true })
    mkdirSync(join(root, 'half', ...deep), { recursive: true })
    renameSync(join(root, 'half', name), join(root, ...deep, name))
    rmdirSync(join(root, 'half'))
    writeFileSync(join(root, 'e'), '')
    try {
      const found = await scan(root)
      expect(found.flatMap((each) => (each.type === 'stretch' ? each.troubles : []))).toEqual([
        { name: text(name), code: 'ENAMETOOLONG' },
      ])
      expect(found[0] && namesOf(found[0], root)).toEqual([name, 'e'])
      expect(found.length).toBeGreaterThan(14)
    } finally {
      execFileSync('rm', ['-rf', root])
    }
  })

  it('tells a folder that may not be listed, or not be entered', async () => {
    const root = makeFolder()
    for (const folder of ['closed', 'open', 'seen']) mkdirSync(join(root, folder))
    writeFileSync(join(root, 'seen', 'file'), '')
    chmodSync(join(root, 'closed'), 0o000)
    chmodSync(join(root, 'seen'), 0o400)
    try {
      const found = await scan(root)
      const told = found.map((each) =>
        each.type === 'stretch'
          ? [...namesOf(each), ...each.troubles.map(({ name, code }) => `${toText(name)} ${code}`)]
          : each.type === 'unlisted' && each.code,
      )
      // Who is root may do both.
      const [closed, seen] = process.getuid?.() === 0 ? [[], ['file']] : ['EACCES', ['file EACCES']]
      expect(told).toEqual([['closed', 'open', 'seen'], closed, [], seen])
    } finally {
      chmodSync(join(root, 'closed'), 0o700)
      chmodSync(join(root, 'seen'), 0o700)
    }
  })

  it('stops while it is under way', async () => {
    const root = makeFolder()
    for (let index = 0; index < 3_000; index += 1) mkdirSync(join(root, `${index}`))
    const controller = new AbortController()
    const request = { folders: [text(root)], excluded: [] }
    const walk = scanInThread(request, controller.signal)
    await walk.next()
    controller.abort(new Error('enough'))
    await expect(walk.next()).rejects.toThrow('enough')
    rmSync(root, { recursive: true })
  })
})

async function scan(root: string): Promise<Scanned[]> {
  return drain(scanInThread({ folders: [text(root)], excluded: [] }, forever))
}

async function drain(batches: AsyncIterable<readonly Scanned[]>): Promise<Scanned[]> {
  const found: Scanned[] = []
  for await (const batch of batches) found.push(...batch)
  return found
}

/** @returns the names in a stretch; none if it is of another folder than asked for */
function namesOf(found: Scanned, folder = toText(found.folder)): string[] {
  if (found.type !== 'stretch' || toText(found.folder) !== folder) return []
  return [...recordsOf(found.records)].map(({ name }) => toText(name))
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
