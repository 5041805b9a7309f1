/** What every Scanning promises. */

import { describe, expect, it } from 'vitest'

import { compare, toHex } from '../../protocol/bytes.ts'
import { pack, toEntryStatus, unpack } from '../../src/base/entry-status.ts'
import { isCut, recordsOf } from '../../src/base/stretch.ts'
import type { Files, PathBytes } from '../../src/ports/files.ts'
import type { Scanned, ScanRequest, Stretch } from '../../src/ports/scan.ts'
import { NO_RULES } from '../../src/source/rules.ts'
import { NAMES, type FilesWorld } from './files.suite.ts'
import { inRealTime, join, text } from './story.ts'

const forever = new AbortController().signal

/** Names that end a stretch. */
const CUTS = Array.from({ length: 40_000 }, (_, index) => `cut ${index}`).filter(isCut)

export function scanSuite(who: string, makeWorld: () => FilesWorld | Promise<FilesWorld>): void {
  type At = (...parts: (string | Uint8Array)[]) => PathBytes
  const story = (tell: (files: Files, at: At) => Promise<void>) => async () => {
    const world = await makeWorld()
    const at: At = (...parts) =>
      join([
        world.root,
        ...parts.flatMap((part) => [text('/'), typeof part === 'string' ? text(part) : part]),
      ])
    try {
      await (world.run ?? inRealTime)(() => tell(world.files, at))
    } finally {
      await world.dispose?.()
    }
  }

  describe(`${who} as Scanning`, () => {
    it(
      'tells every name byte for byte, in order, with the status that it has',
      story(async (files, at) => {
        const sorted = NAMES.toSorted(compare)
        for (const name of sorted) {
          await files.makeFolder(at(name))
          await write(files, at(name, 'file'), 'x'.repeat(name.length))
          await files.makeSymlink(name, at(name, 'link'))
        }
        const found = await scan(files, { folders: [at()] })
        const folders = found.map(({ folder }) => toHex(folder))
        expect(folders).toEqual([at(), ...sorted.map((name) => at(name))].map(toHex))
        for (const { folder, ...stretch } of found) {
          for (const { name, status } of recordsOf(stretch.records)) {
            const now = toEntryStatus(await files.status(join([folder, text('/'), name])))
            expect(unpack(status)).toEqual(now)
            expect(now && pack(now)).toEqual(new Uint8Array(status))
          }
        }
        const [top, ...rest] = found
        expect(namesOf(top).map(toHex)).toEqual(sorted.map(toHex))
        expect(top).toMatchObject({ folders: sorted.length, files: 0, symlinks: 0, bytes: 0 })
        for (const [index, stretch] of rest.entries()) {
          expect(namesOf(stretch)).toEqual([text('file'), text('link')])
          const bytes = sorted[index]?.length
          expect(stretch).toMatchObject({ folders: 0, files: 1, symlinks: 1, bytes })
        }
      }),
    )

    it(
      'goes folder by folder, each before those in it, in tree order',
      story(async (files, at) => {
        for (const folder of ['a', 'a/b', 'a/b/c', 'a/b-', 'a-', 'a0', 'a/b/c/d']) {
          await files.makeFolder(at(folder))
        }
        const order = ['', '/a', '/a/b', '/a/b/c', '/a/b/c/d', '/a/b-', '/a-', '/a0']
        const found = await scan(files, { folders: [at()] })
        expect(found.map(({ folder }) => toText(folder))).toEqual(
          order.map((path) => toText(at()) + path),
        )
        const two = await scan(files, { folders: [at('a', 'b', 'c'), at('a-')] })
        expect(two.map(({ folder }) => toText(folder))).toEqual(
          ['/a/b/c', '/a/b/c/d', '/a-'].map((path) => toText(at()) + path),
        )
      }),
    )

    it(
      'passes over what is excluded, with all in it',
      story(async (files, at) => {
        for (const folder of ['a', 'a/b', 'ab']) await files.makeFolder(at(folder))
        for (const file of ['a/b/1', 'a/2', 'ab/3']) await write(files, at(file), '')
        const excluded = [at('a', 'b'), at('ab', '3'), at('nowhere')]
        const found = await scan(files, { folders: [at()], excluded })
        expect(found.map((each) => namesOf(each).map(toText))).toEqual([['a', 'ab'], ['2'], []])
      }),
    )

    it(
      'leaves out what the rules say, and counts it; the folders that were asked for are in',
      story(async (files, at) => {
        for (const folder of ['out', 'a', 'a/out', 'a/in']) await files.makeFolder(at(folder))
        for (const file of ['a/1.o', 'a/2', 'a/in/3.o', 'a/out/4']) await write(files, at(file), '')
        await write(files, at('a', 'large'), 'x'.repeat(101))
        await write(files, at('a', 'full'), 'x'.repeat(100))
        const patterns = ['*.o', 'out/'].map((each) => ({
          text: each,
          origin: '--exclude',
          isCaseIgnored: false,
        }))
        const rules = { ...NO_RULES, patterns, sizeMax: 100 }
        const found = await scan(files, { folders: [at('a'), at('out')], rules })
        expect(found.map((each) => [namesOf(each).map(toText), each.leftOut])).toEqual([
          [['2', 'full', 'in'], 3],
          [[], 1],
          [[], 0],
        ])
      }),
    )

    it(
      'keeps of a folder with a tag the folder and the tag, if the tag is a file that begins so',
      story(async (files, at) => {
        for (const folder of ['one', 'one/a', 'two', 'two/tag', 'three', 'four']) {
          await files.makeFolder(at(folder))
        }
        await write(files, at('tag'), 'Tag')
        await write(files, at('one', 'tag'), 'Tag and more')
        await write(files, at('one', 'b'), '')
        await write(files, at('three', 'tag'), 'Ta')
        await files.makeSymlink(text('../one/tag'), at('four', 'tag'))
        const rules = { ...NO_RULES, tags: [{ name: 'tag', header: 'Tag', origin: '' }] }
        const found = await scanAll(files, { folders: [at()], excluded: [], rules })
        const passed = found.flatMap((each) => (each.type === 'passed' ? [each] : []))
        expect(passed).toEqual([{ type: 'passed', folder: at('one'), why: 'tag' }])
        const names = found.flatMap((each) =>
          each.type === 'stretch' ? [namesOf(each).map(toText)] : [],
        )
        expect(names).toEqual([
          ['four', 'one', 'tag', 'three', 'two'],
          ['tag'],
          ['tag'],
          ['tag'],
          ['tag'],
          [],
        ])
      }),
    )

    it(
      'tells a folder that cannot be listed, and goes on behind it; no link is followed',
      story(async (files, at) => {
        for (const folder of ['a', 'c']) await files.makeFolder(at(folder))
        await files.makeSymlink(text('a'), at('b'))
        await write(files, at('a', 'file'), '')
        const folders = [at('a'), at('b'), at('c'), at('nowhere')]
        const found = await scanAll(files, { folders, excluded: [] })
        expect(found.map((each) => [toText(each.folder), codeOf(each)])).toEqual([
          [toText(at('a')), 'stretch'],
          [toText(at('b')), 'ENOTDIR'],
          [toText(at('c')), 'stretch'],
          [toText(at('nowhere')), 'ENOENT'],
        ])
      }),
    )

    it(
      'looks only where hints say, as the rules of the sources have it',
      story(async (files, at) => {
        for (const folder of [
          'a',
          'a/b',
          'a/b/c',
          'a/d',
          'a/out',
          'a/out/e',
          'f',
          'tagged',
          'tagged/g',
        ]) {
          await files.makeFolder(at(folder))
        }
        for (const file of ['1', 'a/2', 'a/b/3', 'a/b/c/4', 'a/out/e/5', 'tagged/tag', 'f/6']) {
          await write(files, at(file), '')
        }
        const patterns = [{ text: 'out/', origin: '--exclude', isCaseIgnored: false }]
        const tags = [{ name: 'tag', header: '', origin: '--exclude-if-present tag' }]
        const rules = { ...NO_RULES, patterns, tags }
        const look = async (...hints: [path: string, isDeep: boolean][]) => {
          const request = {
            folders: [at()],
            excluded: [],
            rules,
            hints: hints.map(([path, isDeep]) => ({ folder: at(path), isDeep })),
          }
          const found = await scanAll(files, request)
          return found.map((each) => {
            const names = each.type === 'stretch' ? namesOf(each).map(toText) : [codeOf(each)]
            return [toText(each.folder).slice(toText(at()).length), ...names].join(' ')
          })
        }
        expect(await look()).toEqual([])
        expect(await look(['a/b', false])).toEqual(['/a/b 3 c'])
        expect(await look(['a/b', true])).toEqual(['/a/b 3 c', '/a/b/c 4'])
        expect(await look(['a', false], ['a/b/c', false], ['f', false])).toEqual([
          '/a 2 b d',
          '/a/b/c 4',
          '/f 6',
        ])
        // What is left out stays so, and what is not there any more is no trouble.
        expect(await look(['a/out/e', true], ['tagged/g', true])).toEqual([])
        expect(await look(['a/gone', true], ['1', false], ['elsewhere/x', true])).toEqual([])
      }),
    )

    it(
      'has another digest whenever a name or a status is another, and else the same',
      story(async (files, at) => {
        for (const file of ['a', 'b', 'c']) await write(files, at(file), file)
        const seen = new Set<string>()
        const digest = async (): Promise<string> => {
          const [stretch] = await scan(files, { folders: [at()] })
          return toHex(stretch?.digest ?? text(''))
        }
        const isNew = async () => {
          const now = await digest()
          const isOther = !seen.has(now)
          seen.add(now)
          return isOther
        }
        expect([await isNew(), await isNew()]).toEqual([true, false])
        await files.setMode(at('a'), 0o640)
        expect([await isNew(), await isNew()]).toEqual([true, false])
        await files.setModified(at('b'), { seconds: -5, nanoseconds: 7_000 })
        expect([await isNew(), await isNew()]).toEqual([true, false])
        await files.rename(at('c'), at('d'))
        expect([await isNew(), await isNew()]).toEqual([true, false])
        await files.remove(at('d'))
        expect([await isNew(), await isNew()]).toEqual([true, false])
        await files.makeFolder(at('e'))
        expect([await isNew(), await isNew()]).toEqual([true, false])
      }),
    )

    it(
      'cuts long folders by names, so that a change is felt in one stretch only',
      story(async (files, at) => {
        const [one = '', two = '', three = ''] = CUTS.toSorted()
        const names = [one, two, three, 'a', 'd', `${one}+`, `${two}+`]
        for (const name of names) await write(files, at(name), '')
        const bounds = (found: readonly Stretch[]) =>
          found.map(({ after, until }) => [toText(after), until && toText(until)])
        const before = await scan(files, { folders: [at()] })
        expect(bounds(before)).toEqual([
          ['', one],
          [one, two],
          [two, three],
          [three, undefined],
        ])
        expect(before.flatMap(namesOf).map(toText)).toEqual(names.toSorted())

        await write(files, at(`${one}-`), '')
        const after = await scan(files, { folders: [at()] })
        const isSame = after.map(
          ({ digest }, index) => toHex(digest) === toHex(before[index]?.digest ?? text('')),
        )
        expect(isSame).toEqual([true, false, true, true])

        // Where a cut is gone, the stretch before it is another, even with the same names in it.
        await files.remove(at(`${one}-`))
        await files.remove(at(`${one}+`))
        await files.remove(at(two))
        const joined = await scan(files, { folders: [at()] })
        expect(bounds(joined)).toEqual([
          ['', one],
          [one, three],
          [three, undefined],
        ])
      }),
    )

    it(
      'ends with the reason when it is told to stop, and may be left half-way',
      story(async (files, at) => {
        for (const folder of ['a', 'b']) await files.makeFolder(at(folder))
        const controller = new AbortController()
        controller.abort(new Error('enough'))
        const aborted = files.scan({ folders: [at()], excluded: [] }, controller.signal)
        await expect(drain(aborted)).rejects.toThrow('enough')
        for await (const batch of files.scan({ folders: [at()], excluded: [] }, forever)) {
          expect(batch.length).toBeGreaterThan(0)
          break
        }
      }),
    )
  })
}

async function scan(
  files: Files,
  { folders, excluded = [], rules = NO_RULES }: Partial<ScanRequest>,
): Promise<Stretch[]> {
  const found = await scanAll(files, { folders: folders ?? [], excluded, rules })
  return found.map((each) => {
    if (each.type !== 'stretch') throw new Error(`${toText(each.folder)}: ${codeOf(each)}`)
    expect(each.troubles).toEqual([])
    return each
  })
}

async function scanAll(files: Files, request: ScanRequest): Promise<Scanned[]> {
  return drain(files.scan(request, forever))
}

async function drain(batches: AsyncIterable<readonly Scanned[]>): Promise<Scanned[]> {
  const found: Scanned[] = []
  for await (const batch of batches) found.push(...batch)
  return found
}

function namesOf(stretch: Pick<Stretch, 'records'> | undefined): Uint8Array[] {
  return stretch === undefined
    ? []
    : [...recordsOf(stretch.records)].map(({ name }) => name.slice())
}

function codeOf(found: Scanned): string {
  return found.type === 'unlisted' ? found.code : found.type
}

async function write(files: Files, path: PathBytes, content: string): Promise<void> {
  const writer = await files.create(path)
  await writer.write(text(content))
  await writer.close()
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
