import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Context } from '../../src/cli/context.ts'
import { EXIT } from '../../src/cli/exit-code.ts'
import { Output } from '../../src/cli/output.ts'
import { PlayedLine } from '../../src/cli/played-line.ts'
import { run } from '../../src/cli/program.ts'
import { lossWords, rareWords, successWords } from '../../src/cli/reports/what-if.ts'
import { Collector } from './collector.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-what-if-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('cairn what-if', () => {
  const FEW = ['--runs', '100', '--years', '2']

  it('answers for an invented group without any vault, the same each time', async () => {
    const args = ['--peers', '5', '--nas', '2', ...FEW]
    const { code, stdout, stderr } = await typed(args)
    expect(code).toBe(EXIT.ok)
    expect(stderr.text).toBe('')
    const { text } = stdout
    expect(text).toContain('5 invented friends: 2 always on and 3 laptops; any 2 of 4 shares')
    for (const part of ['1 year ', 'nobody new comes', 'within a week', 'Storage: 2 times']) {
      expect(text).toContain(part)
    }
    expect(text).toMatch(/What would help most: |No single change makes a difference/)
    expect(text).toContain('Friends stay 3 years on average (--lifetime)')
    expect((await typed(args)).stdout.text).toBe(text)
    expect((await typed([...args, '--seed', '2'])).stdout.text).not.toBe(text)
  })

  it('tells programs counts of runs in place of words', async () => {
    const { stdout } = await typed(['--peers', '4', '--lose', 'laptop-2', '--json', ...FEW])
    const types = stdout.records.map((record) => record['message_type'])
    expect(types.slice(0, 7)).toEqual([
      'world',
      'year',
      'year',
      'year',
      'restore',
      'restore',
      'cost',
    ])
    expect(stdout.records[0]).toMatchObject({ is_invented: true, needed: 1, total: 3, runs: 100 })
    expect(stdout.records.at(-1)).toMatchObject({ message_type: 'summary', runs: 100 })
    expect(stdout.records).toContainEqual(
      expect.objectContaining({ message_type: 'change', change: 'nas', runs: 50 }),
    )
  })

  it('draws a chart that says in words what it shows', async () => {
    const file = join(folder, 'chart.svg')
    const { code, stderr } = await typed(['--peers', '4', '--svg', file, ...FEW])
    expect(code).toBe(EXIT.ok)
    expect(stderr.text).toContain(file)
    const chart = readFileSync(file, 'utf8')
    expect(chart).toContain('prefers-color-scheme: dark')
    expect(chart).toMatch(
      /<desc id="desc">4 friends, any 1 of 3 shares, 100 runs\. friends replaced: /,
    )
    for (const label of ['friends replaced', 'nobody new comes', '100 %', 'years']) {
      expect(chart).toContain(`>${label}</text>`)
    }
    expectWellFormed(chart)
    const closed = await typed(['--peers', '4', '--replaced', 'never', '--svg', file, ...FEW])
    expect(closed.code).toBe(EXIT.usage)
    expect(closed.stderr.text).toContain('nothing is written over')
    expect(readFileSync(file, 'utf8')).toBe(chart)
  })

  it.each([
    [['--peers', '4', '--code', '5-of-4'], 'A pack of 4 shares cannot take 5'],
    [['--peers', '4', '--code', '3-of-8'], 'takes 8 friends, and the group has 4'],
    [['--peers', '4', '--nas', '5'], '5 of 4 friends cannot be always on'],
    [['--nas', '5'], 'give both'],
    [['--peers', '4', '--years', '0'], 'from 1 to 50'],
    [['--peers', '4', '--years', '1000000000'], 'from 1 to 50'],
    [['--peers', '0'], 'from 1 to 100'],
    [['--peers', '2', '--lose', 'laptop-1,laptop-2'], 'With everybody lost nothing is left'],
    [['--peers', '2', '--lose', 'Bob'], 'No friend is called Bob; there are laptop-1, laptop-2'],
    [['--peers', '2', '--lose', ','], 'for instance Ann,Ben'],
    [['--peers', '2', '--lifetime', 'long'], '3y, 18m or 90d'],
    [['--peers', '2', '--replaced', '0d'], '3y, 18m or 90d'],
    [['--peers', '2', '--runs', '1'], 'from 100 to'],
  ])('%j ends with 2 and says what is wrong', async (args, explained) => {
    const { code, stdout, stderr } = await typed(args)
    expect(code).toBe(EXIT.usage)
    expect(stderr.text).toContain(explained)
    expect(stdout.text).toBe('')
  })

  it('says where there is no vault that an invented group needs none', async () => {
    const { code, stderr } = await typed([])
    expect(code).toBe(EXIT.notFound)
    expect(stderr.text).toContain('cairn what-if --peers 10 --nas 3')
  })

  it('stops when it is stopped', async () => {
    const { code, stdout } = await typed(['--peers', '5', ...FEW], AbortSignal.abort())
    expect(code).not.toBe(EXIT.ok)
    expect(stdout.text).toBe('')
  })
})

describe('words for chances', () => {
  it('are no finer than the runs', () => {
    expect(lossWords(0, 2_000)).toBe('better than 1 in 600')
    expect(lossWords(0, 30_000)).toBe('better than 1 in 10,000')
    expect(lossWords(3, 2_000)).toBe('better than 1 in 200')
    expect(lossWords(7, 2_000)).toBe('about 1 in 300')
    expect(lossWords(37, 20_000)).toBe('about 1 in 540')
    expect(lossWords(0.05, 2_000, 1)).toBe('better than 1 in 8,000')
    expect(lossWords(0.35, 2_000, 7)).toBe('about 1 in 6,000')
    expect(lossWords(700, 2_000)).toBe('about 35 %')
    expect(lossWords(1_999, 2_000)).toBe('nearly always')
    expect(lossWords(2_000, 2_000)).toBe('always')
    expect(successWords(0, 2_000)).toBe('always in 2,000 runs')
    expect(successWords(3, 2_000)).toBe('in 1,997 of 2,000 runs')
    expect(successWords(7, 2_000)).toBe('all but 1 in 300')
    expect(successWords(700, 2_000)).toBe('65 %')
    expect(successWords(2_000, 2_000)).toBe('never')
    expect(rareWords(3.7e-5)).toBe('about 1 in 30,000')
    expect(rareWords(0.31)).toBe('about 31 %')
    expect(rareWords(1e-40)).toBe('less than 1 in 1,000,000,000,000')
  })
})

describe('the line on what was played', () => {
  it('comes after two seconds, and goes before what follows', () => {
    let now = 0
    const stderr = new Collector({ isTTY: true })
    const output = new Output({ stdout: new Collector(), stderr }, { isJson: false })
    const line = new PlayedLine(output, () => now)
    line.update({ done: 1, total: 10 })
    expect(stderr.text).toBe('')
    now = 2_000
    line.update({ done: 4, total: 10 })
    line.update({ done: 5, total: 10 })
    line.stop()
    expect(stderr.text).toBe('\r\u001b[Kplayed 40 %\r\u001b[K')
  })

  it('is a record a second for programs, and a line now and then in a log', () => {
    let now = 0
    const told = (isJson: boolean) => {
      now = 0
      const [stdout, stderr] = [new Collector(), new Collector()]
      const line = new PlayedLine(new Output({ stdout, stderr }, { isJson }), () => now)
      for (; now < 13_000; now += 500) line.update({ done: now, total: 13_000 })
      line.stop()
      return { stdout, stderr }
    }
    expect(told(true).stdout.records).toHaveLength(11)
    expect(told(true).stdout.records[0]).toMatchObject({ message_type: 'status' })
    expect(told(false).stderr.lines).toEqual(['played 15 %', 'played 92 %'])
  })
})

async function typed(args: readonly string[], signal = new AbortController().signal) {
  const [stdout, stderr] = [new Collector(), new Collector()]
  const context: Context = {
    env: { CAIRN_HOME: join(folder, 'home') },
    workingFolder: folder,
    stdout,
    stderr,
    signal,
    now: () => 0,
    exit: EXIT.ok,
  }
  return { code: await run(['what-if', ...args], context), stdout, stderr }
}

/** Every tag is closed in order, and no `&` or `<` stands bare. */
function expectWellFormed(xml: string): void {
  const open: string[] = []
  for (const [, isEnd, name = '', isEmpty] of xml.matchAll(/<(\/)?([a-z]+)[^<>]*?(\/)?>/g)) {
    if (isEnd !== undefined) expect(open.pop()).toBe(name)
    else if (isEmpty === undefined) open.push(name)
  }
  expect(open).toEqual([])
  expect(xml.replaceAll(/<[^<>]*>/g, '')).not.toMatch(/[<&]/)
}
