/** What a person scans, uploads and leaves out, with the compiled program. */

import { randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { stallFolder } from '../support/stalled-folder.ts'
import { jsonLines, Place, recordOf } from './cairn.ts'

/** All tests' vaults are in one grid, each in a place of its own. */
const friends = new Place()
beforeAll(() => friends.grid(5))
afterAll(() => friends.remove())

let place: Place

beforeEach(async () => {
  place = new Place()
  await place.joinVault(friends.at('grid', 'invite'))
})

afterEach(() => place.remove())

describe('sources', () => {
  it('are scanned, inspected and uploaded one step after the other', async () => {
    place.write('d/large', randomBytes(2_000_000))
    place.write('d/small', 'small')
    const scan = (await place.records(['scan', place.at('d')])).at(-1)
    expect(scan).toMatchObject({ files_waiting: 2, bytes_waiting: 2_000_005, error_count: 0 })
    const queued = await place.records(['queue', '--limit', '2'])
    expect(queued.slice(0, 2).map((each) => each['path'])).toEqual([
      place.at('d', 'small'),
      place.at('d', 'large'),
    ])
    expect(queued.at(-1)).toMatchObject({ shown: 2, files_waiting: 2, sources: [place.at('d')] })
    expect(recordOf(await place.records(['upload']), 'summary')).toMatchObject({ files_new: 2 })
    const again = await place.cairn(['upload'])
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('cairn scan')])
    await place.records(['restore', place.at('d'), '--target', place.at('out')])
    expect(place.differences('d', 'out')).toEqual([])
  })

  it('leave out what options, files and config.toml say, and tell why', async () => {
    const keep = ['d/keep', 'd/cache/CACHEDIR.TAG', 'd/x/.nobackup', 'd/logs/wanted.log']
    const drop = ['d/a.o', 'd/cache/1', 'd/x/2', 'd/logs/b.LOG', 'd/large', 'd/sub/build/out']
    for (const name of [...keep, ...drop]) place.write(name, '')
    place.write('d/cache/CACHEDIR.TAG', 'Signature: 8a477f597d28d172789f06886806bc55\n')
    place.write('d/large', randomBytes(2_000))
    place.write('rules', '# objects\n*.o\nsub/build/\n')
    place.write('home/config.toml', '[backup]\niexclude = ["*.log", "!WANTED.log"]\n')
    const options = [
      '--exclude-file',
      place.at('rules'),
      '--exclude-caches',
      '--exclude-if-present',
      '.nobackup',
      '--exclude-larger-than',
      '1k',
      '-x',
    ]
    const summary = recordOf(await place.records(['backup', place.at('d'), ...options]), 'summary')
    expect(summary).toMatchObject({ total_files_processed: keep.length, excluded: drop.length })
    const explain = await place.records(['scan', place.at('d'), ...options, '--explain', 'd/a.o'])
    expect(explain).toEqual([
      expect.objectContaining({ is_in: false, why: 'pattern', rule: `${place.at('rules')}:2 *.o` }),
    ])
    const found = await place.records(['ls', place.at('d'), '--recursive'])
    const files = found.flatMap((each) => (each['type'] === 'file' ? [each['path']] : []))
    expect(files).toEqual(keep.map((name) => place.at(name)).toSorted())
  })

  it('are kept as links where they are links, and that is told', async () => {
    place.write('d/file', 'photographs')
    symlinkSync('d', place.at('photos'))
    for (const command of ['scan', 'backup']) {
      const { code, stdout, stderr } = await place.cairn([command, place.at('photos'), '--json'])
      expect(code).toBe(0)
      expect(recordOf(jsonLines(stdout), 'passed')).toMatchObject({
        path: place.at('photos'),
        why: 'link',
      })
      expect(stderr).toContain('is a link, and only that is kept')
    }
  })

  it('that only grew are read at their ends by a quick backup, and wholly by the next', async () => {
    const size = 5_000_001
    place.write('d/log', randomBytes(size))
    await place.records(['backup', place.at('d')])
    for (const options of [
      ['backup', '--quick'],
      ['scan', '--quick'],
    ]) {
      appendFileSync(place.at('d', 'log'), randomBytes(100_001))
      const records = await place.records([...options, place.at('d')])
      const uploaded = options[0] === 'scan' ? await place.records(['upload']) : records
      const summary = recordOf(uploaded, 'summary')
      expect(summary).toMatchObject({ files_quick: 1, files_changed: 1, deltas: 1 })
      expect(summary['bytes_read']).toBeLessThan(1_200_000)
    }
    await place.records(['restore', place.at('d'), '--target', place.at('out')])
    expect(place.differences('d', 'out')).toEqual([])
    const next = recordOf(await place.records(['backup', place.at('d')]), 'summary')
    expect(next).toMatchObject({ files_quick: 0, files_changed: 0, bytes_read: size + 200_002 })
    const both = await place.cairn(['backup', '--quick', '--hash-check', place.at('d')])
    expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('--hash-check')])
  })

  it('come as a list from another program, byte for byte', async () => {
    mkdirSync(place.at('d'))
    const odd = Buffer.concat([Buffer.from(place.at('d', 'new\nline ')), Buffer.from([0xe9])])
    writeFileSync(odd, 'odd')
    place.write('d/other', 'other')
    const input = execFileSync('find', ['d', '-type', 'f', '-not', '-name', 'other', '-print0'], {
      cwd: place.folder,
      encoding: 'latin1',
    })
    const { child, ended } = place.start(['backup', '--files-from0', '-', '--json'], {
      input: Buffer.from(input, 'latin1') as unknown as string,
    })
    expect(child.pid).toBeGreaterThan(0)
    const { code, stdout, stderr } = await ended
    expect([code, stderr]).toEqual([0, ''])
    expect(recordOf(jsonLines(stdout), 'summary')).toMatchObject({ files_new: 1 })
    rmSync(odd)
    await place.records(['restore', place.at('d'), '--target', place.at('out')])
    const back = execFileSync('find', [place.at('out'), '-type', 'f', '-print0'], {
      encoding: 'latin1',
    })
    expect(back).toBe(place.at('out') + odd.toString('latin1') + '\0')
  })

  it('that do not answer are named after a while, and the rest is backed up', async ({ skip }) => {
    place.write('d/a', 'a')
    place.write('d/m/inside', 'kept')
    place.write('home/config.toml', '[backup]\nstall-seconds = 1\n')
    await place.records(['backup', place.at('d')])
    place.write('d/z', 'z')
    const release = stallFolder(place.at('d', 'm')) ?? skip('this machine mounts nothing for us')
    try {
      const { code, stdout, stderr } = await place.cairn(['backup', place.at('d'), '--json'])
      expect(recordOf(jsonLines(stdout), 'summary')).toMatchObject({ files_new: 1, error_count: 1 })
      expect(jsonLines(stderr)).toEqual([
        expect.objectContaining({ item: place.at('d', 'm'), during: 'scan' }),
      ])
      expect(code).toBe(3)
      const alone = await place.cairn(['backup', place.at('d', 'm')])
      expect([alone.code, alone.stderr]).toEqual([3, expect.stringContaining('does not answer')])
    } finally {
      release()
    }
    // What could not be looked at counts as unchanged.
    await place.records(['restore', place.at('d'), '--target', place.at('out')])
    expect(place.read('out', place.at('d', 'm', 'inside'))).toBe('kept')
  })

  it('are never Cairn’s own state, and say so', async () => {
    place.write('d/file', 'x')
    const whole = recordOf(await place.records(['backup', place.folder]), 'summary')
    expect(whole['error_count']).toBe(0)
    const found = await place.records(['ls', place.folder])
    expect(found.map((each) => each['path'])).not.toContain(place.at('home'))
    const { code, stderr } = await place.cairn(['backup', place.at('home', 'keys')])
    expect([code, stderr]).toEqual([2, expect.stringContaining('Cairn')])
  })
})
