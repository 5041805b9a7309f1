/** Getting out: what a person does with a backup beside restoring all of it. */

import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ODD_NAMES } from '../../src/cli/demo/odd-names.ts'
import { jsonLines, Place, PROGRAM, recordOf, type Ended } from './cairn.ts'

const place = new Place()
const big = randomBytes(4_000_000)

beforeAll(async () => {
  place.write('files/letters/first.txt', 'Dear friend\n')
  place.write('files/empty', '')
  place.write('files/big.db', big)
  for (const name of ODD_NAMES) {
    const path = Buffer.concat([Buffer.from(`${place.at('files/letters')}/`), name])
    writeFileSync(path, `content of ${name.toString('hex')}`)
  }
  const deep = join(place.at('files'), ...Array.from({ length: 12 }, () => 'd'.repeat(80)))
  mkdirSync(deep, { recursive: true })
  writeFileSync(join(deep, 'x'.repeat(200)), 'deep')
  symlinkSync('letters/first.txt', place.at('files/link'))
  symlinkSync(`/nowhere/${'long/'.repeat(60)}`, place.at('files/dangling'))
  linkSync(place.at('files/letters/first.txt'), place.at('files/letters/second name'))
  spawnSync('mkfifo', [place.at('files/pipe')])
  spawnSync('truncate', ['-s', '3M', place.at('files/sparse')])
  // A time before 1970, and one with nanoseconds.
  spawnSync('touch', ['-d', '1965-03-04T05:06:07.123456789Z', place.at('files/letters/first.txt')])
  spawnSync('chmod', ['2751', place.at('files/letters')])
  await place.joinedVault(3)
  await place.records(['backup', place.at('files')])
  // The second version of the large file is a delta.
  big.set(randomBytes(5_000), 1_000_000)
  place.write('files/big.db', big)
  await place.records(['backup', place.at('files')])
})
afterAll(() => place.remove())

describe('cairn dump --tar', () => {
  it('gives an archive in which tar finds no difference to the live files', () => {
    const { status, stdout, stderr } = shell(
      `${cairn('dump', '--tar', place.at('files'))} | tar --diff -f - -C /`,
    )
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: '',
      stderr: expect.stringMatching(/^snapshot \d+ of .*\n$/) as string,
    })
  })

  it('gives what tar unpacks into the same tree, under other names if wanted', () => {
    const out = place.at('unpacked')
    mkdirSync(out)
    const map = ['--map', `${place.at('files')}=/f`, '--exclude', 'big.db']
    const { status } = shell(
      `${cairn('dump', '--tar', ...map, place.at('files'))} | tar -x -C ${out}`,
    )
    expect(status).toBe(0)
    expect(readdirSync(join(out, 'f'))).toEqual(
      readdirSync(place.at('files')).filter((name) => name !== 'big.db'),
    )
    const [first, second] = ['first.txt', 'second name'].map((name) =>
      statSync(join(out, 'f/letters', name)),
    )
    expect(first?.ino).toBe(second?.ino)
    const diff = spawnSync('diff', [
      '-r',
      '--no-dereference',
      '-x',
      'pipe',
      place.at('files'),
      join(out, 'f'),
    ])
    expect(diff.stdout.toString()).toBe(`Only in ${place.at('files')}: big.db\n`)
  })

  it('gives no two entries one name, and nothing a name of none: what is left out is told', () => {
    const one = ['--map', `${place.at('files/empty')}=/x`, place.at('files/empty')]
    const below = ['--map', `${place.at('files/link')}=/x/y`, place.at('files/link')]
    const dumped = shell(`${cairn('dump', '--tar', ...one, ...below)} | tar -t`)
    expect(dumped).toMatchObject({ status: 3, stdout: 'x\n' })
    expect(dumped.stderr).toContain(`${place.at('files/link')}: `)
    const count = String(place.at('files').split('/').length)
    const stripped = shell(
      `${cairn('dump', '--tar', '--strip-components', count, ...one.slice(2))} | tar -t`,
    )
    expect(stripped).toMatchObject({ status: 3, stdout: '' })
    expect(stripped.stderr).toContain(`${place.at('files/empty')}: `)
  })

  it('says on stderr what it did, and refuses a terminal', async () => {
    const { code, stderr } = await place.cairn(['dump', '--tar', '--json', place.at('files')])
    expect(code).toBe(0)
    expect(recordOf(jsonLines(stderr), 'summary')).toMatchObject({
      files_dumped: ODD_NAMES.length + 6,
      symlinks_dumped: 2,
      specials_dumped: 1,
      error_count: 0,
    })
    const script = ['-qec', cairn('dump', '--tar', place.at('files')), '/dev/null']
    const typed = spawnSync('script', script, { encoding: 'utf8', env: env() })
    expect(typed.status).toBe(2)
    expect(typed.stdout).toContain('nothing for a terminal')
  })

  it('ends quietly when its reader has seen enough', () => {
    const { stdout, stderr } = shell(
      `(${cairn('dump', '--tar', place.at('files'))}; echo $? >&2) | head -c 100000 | wc -c`,
    )
    expect(stdout.trim()).toBe('100000')
    expect(stderr).toMatch(/^snapshot .*\n141\n$/)
  })

  it('ends within two seconds when interrupted, however long its reader takes', async () => {
    const child = spawn(process.execPath, [...PROGRAM, 'dump', '--tar', place.at('files')], {
      env: env(),
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await new Promise((resolve) => child.stdout.once('readable', resolve))
    const started = performance.now()
    child.kill('SIGINT')
    const code = await new Promise((resolve) => child.on('exit', resolve))
    expect(code).toBe(130)
    expect(performance.now() - started).toBeLessThan(2_000)
    child.stdout.destroy()
    expect(readdirSync(tmpdir()).filter((name) => /^\.cairn-.*\.part$/.test(name))).toEqual([])
  })

  it('says on a full disk that it is full', () => {
    const child = spawnSync(process.execPath, [...PROGRAM, 'dump', '--tar', place.at('files')], {
      env: env(),
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
      encoding: 'utf8',
    })
    expect(child.status).toBe(1)
    expect(child.stderr).toMatch(/no space|full/i)
  })
})

describe('cairn cat', () => {
  it('writes the bytes of a file, of a delta and of an older version', () => {
    const now = shell(cairn('cat', place.at('files/big.db')), 'latin1')
    expect(Buffer.from(now.stdout, 'latin1').equals(big)).toBe(true)
    const before = shell(cairn('cat', '--at', '1', place.at('files/big.db')), 'latin1')
    expect(before.stdout).toHaveLength(big.length)
    expect(Buffer.from(before.stdout, 'latin1').equals(big)).toBe(false)
    const two = [place.at('files/empty'), place.at('files/letters/first.txt')]
    expect(shell(cairn('cat', ...two)).stdout).toBe('Dear friend\n')
  })

  it('says of a folder and of a link what they are', async () => {
    const folder = await place.cairn(['cat', place.at('files/letters')])
    expect(folder).toMatchObject({ code: 2, stdout: '' })
    expect(folder.stderr).toContain('is a folder')
    expect((await place.cairn(['cat', place.at('files/link')])).code).toBe(2)
  })
})

describe('cairn restore', () => {
  it('brings back only what changed, over what is there', async () => {
    const args = ['restore', '--conflict', 'overwrite', place.at('files'), '--target', '/']
    const nothing = await place.records([...args, '--dry-run'])
    expect(recordOf(nothing, 'summary')).toMatchObject({ files_restored: 0, files_skipped: 0 })
    place.write('files/letters/first.txt', 'Dear enemy\n')
    const done = await place.records([...args, '--verbose'])
    expect(recordOf(done, 'summary')).toMatchObject({ files_restored: 2, symlinks_restored: 0 })
    expect(done.filter(({ action }) => action === 'replaced')).toMatchObject([
      { path: place.at('files/letters/first.txt') },
      // Another name of the same file.
      { path: place.at('files/letters/second name') },
    ])
    expect(place.read('files/letters/first.txt')).toBe('Dear friend\n')
    // setgid gives rights away and is not restored unasked.
    spawnSync('chmod', ['2751', place.at('files/letters')])
    const { stdout } = shell(`${cairn('dump', '--tar', place.at('files'))} | tar --diff -f - -C /`)
    expect(stdout).toBe('')
  })

  it('names what it left out, and ends with 3', async () => {
    const ended = await restore('--include', 'first.txt', '--target', '/')
    expect(ended.code).toBe(3)
    expect(ended.stderr).toContain(`${place.at('files/letters/first.txt')}: `)
    expect((await restore('--conflict', 'skip', '--target', '/')).code).toBe(0)
    const stopped = await restore('--on-error', 'abort', '--target', '/')
    expect(stopped).toMatchObject({ code: 1 })
    expect(stopped.stderr).toContain('ended at the first error')
  })

  it('puts files elsewhere, with fewer folders above them', async () => {
    const map = ['--map', `${place.at('files/letters')}=/post`, '--include', 'first.txt']
    expect((await restore(...map, '--target', place.at('mapped'))).code).toBe(0)
    expect(readFileSync(place.at('mapped/post/first.txt'), 'utf8')).toBe('Dear friend\n')
    expect((await restore('--map', 'no map', '--target', place.at('mapped'))).code).toBe(2)
    expect((await restore('--include', '[', '--target', place.at('mapped'))).code).toBe(2)
  })

  function restore(...args: string[]): Promise<Ended> {
    return place.cairn(['restore', place.at('files'), ...args])
  }
})

/** Each step stands on the ones before. */
describe('looking through snapshots', () => {
  it('shows what differs between two', async () => {
    place.write('files/new/one', 'one')
    renameSync(place.at('files/letters/first.txt'), place.at('files/new/letter.txt'))
    chmodSync(place.at('files/empty'), 0o600)
    rmSync(place.at('files/link'))
    place.write('files/link', 'no link any more')
    await place.records(['backup', place.at('files')])
    const records = await place.records([
      'diff',
      '--metadata',
      '--path',
      place.at('files'),
      '2',
      '3',
    ])
    const changes = records
      .filter(({ message_type: type }) => type === 'change')
      .map(({ modifier, path }) => `${String(modifier)} ${String(path)}`)
    expect(changes).toEqual(
      [
        'U files',
        'U files/empty',
        'U files/letters',
        '- files/letters/first.txt',
        'T files/link',
        '+ files/new',
        '+ files/new/letter.txt',
        '+ files/new/one',
      ].map((line) => line.replace(/files.*/, (path) => place.at(path))),
    )
    expect(recordOf(records, 'statistics')).toMatchObject({ added: 3, removed: 1, type_changed: 1 })
    expect((await said('diff', '3', '2')).split('\n')).toContain(`-  ${place.at('files/new')}/`)
    expect(await said('diff', '3', 'latest')).toBe('')
  })

  it('finds files in all of them, by name, kind, size and time', async () => {
    const found = await place.records(['find', 'first.txt', 'letter.txt'])
    expect(found.map(({ path, snapshots }) => ({ path, snapshots }))).toEqual([
      { path: place.at('files/letters/first.txt'), snapshots: [1, 2] },
      { path: place.at('files/new/letter.txt'), snapshots: [3] },
    ])
    expect(await said('find', '--at', '3', 'first.txt')).toBe('')
    expect(await said('find', '-i', 'FIRST.TXT')).toContain('first.txt')
    const large = await said('find', '--type', 'f', '--size', '+1M', '--path', place.folder, '*')
    expect(
      large
        .trim()
        .split('\n')
        .map((line) => line.replace(/.*\//, '')),
    ).toEqual(['big.db', 'big.db', 'sparse'])
    expect(await said('find', '--older', '1970-01-01', '*.txt')).toContain('letter.txt')
    expect(await said('find', '--newer', '1970-01-01', '*.txt')).not.toContain('letter.txt')
    expect((await place.cairn(['find', '--size', 'large', '*'])).code).toBe(2)
  })

  it('lists every state of what is and was in a folder', async () => {
    const listed = await said('ls', '--versions', place.at('files'))
    const lines = listed.split('\n')
    const below = lines.slice(lines.indexOf(place.at('files/big.db')) + 1)
    expect(below[0]).toMatch(/^ {2}1 .* 4000000 .* stable$/)
    expect(below[1]).toMatch(/^ {2}2–3 .* 4000000 .* stable$/)
    const own = await said('ls', '--versions', place.at('files/letters/first.txt'))
    expect(own).toMatch(/first\.txt\n {2}1–2 /)
    expect((await place.cairn(['ls', '--versions', place.at('nowhere')])).code).toBe(2)
  })

  it('follows a file to the name it had before', async () => {
    const history = await said('history', '--follow', place.at('files/new/letter.txt'))
    expect(history).toContain(`before snapshot 3: ${place.at('files/letters/first.txt')}`)
  })

  it('compares the live files with one', async () => {
    for (const method of ['meta', 'hash', 'full']) {
      const same = await place.records(['compare', '--method', method, place.at('files')])
      expect(recordOf(same, 'summary')).toMatchObject({ different: 0, new: 0, error_count: 0 })
    }
    const { mtimeMs } = statSync(place.at('files/big.db'))
    const rotten = Buffer.from(big)
    rotten[2_000_000]! ^= 1
    place.write('files/big.db', rotten)
    spawnSync('touch', ['-d', new Date(mtimeMs).toISOString(), place.at('files/big.db')])
    place.write('files/new/another', 'not backed up')
    for (const method of ['hash', 'full']) {
      const { code, stdout } = await place.cairn(['compare', '--method', method, place.at('files')])
      expect(code).toBe(1)
      expect(stdout).toMatch(/^content.*big\.db$/m)
      expect(stdout).toMatch(/^new.*another$/m)
    }
    const target = ['--target', place.at('back')]
    const back = await place.cairn(['restore', '--setuid', ...target, place.at('files')])
    expect(back.code).toBe(0)
    const there = await place.cairn(['compare', ...target, '--method', 'hash', place.at('files')])
    expect(there).toMatchObject({ code: 0, stdout: '' })
  })

  async function said(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await place.cairn(args)
    expect({ code, stderr }).toMatchObject({ code: 0 })
    return stdout
  }
})

/** A command line for a shell. */
function cairn(...args: readonly string[]): string {
  return [process.execPath, ...PROGRAM, ...args]
    .map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
    .join(' ')
}

function env(): NodeJS.ProcessEnv {
  return { ...process.env, CAIRN_HOME: place.at('home') }
}

function shell(command: string, encoding: BufferEncoding = 'utf8') {
  return spawnSync('bash', ['-o', 'pipefail', '-c', command], {
    encoding,
    env: env(),
    maxBuffer: 64 * 1024 * 1024,
  })
}
