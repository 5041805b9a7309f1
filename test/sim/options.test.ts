import { describe, expect, it } from 'vitest'
import { wordsFor } from '../../sim/canaries.ts'
import { CANARIES } from '../../sim/canary-list.ts'
import { commandLine, commandOf, misuseOf, readOptions, storyOf } from '../../sim/options.ts'

const STORIES = ['classic', 'histories', 'hostile'] as const

describe('the options of npm run sim', () => {
  it('are refused where their value means nothing', () => {
    for (const line of ['--seed x', '--peers 4', '--days 0', '--seeds 0', '--minutes 0']) {
      expect(refusalOf(line)).toContain('whole number')
    }
  })

  it('are refused where they mean nothing together', () => {
    for (const [line, why] of [
      ...['seed 1', 'seeds 2', 'minutes 1', 'peers 5', 'days 1', 'budget within'].map(
        (other) => [`--plan x.json --${other}`, '--plan takes no'] as const,
      ),
      ['--print --seeds 2', '--print takes no --seeds'],
      ['--print --minutes 2', '--print takes no --minutes'],
      ['--minutes 1 --seeds 2', '--minutes takes no --seeds'],
      ['--hostile --peers 5', '--hostile takes no --peers'],
      ['--hostile --days 5', '--hostile takes no --days'],
      ...STORIES.flatMap((story) =>
        ['budget within', 'shrink off', 'shrink on', 'print', 'plan x.json'].map(
          (other) => [`--${story} --${other}`, `--${story} takes no`] as const,
        ),
      ),
      ['--sessions 5', '--plans takes no --sessions'],
      ['--classic --sessions 5', '--classic takes no --sessions'],
      ['--classic --peers 10', '--classic takes 9 --peers at most'],
      ['--histories --peers 7', '--histories takes 6 --peers at most'],
      ['--canaries --seed 5', '--canaries takes no --seed'],
      ['--canaries one-roof --json', '--canaries takes no --json'],
      ['--classic --histories', 'two kinds of story'],
      ['--plans --hostile', 'two kinds of story'],
      ['--canaries one-roof --classic', 'two kinds of story'],
    ] as const) {
      const refusal = refusalOf(line)
      expect(refusal, `of ${line}`).toContain('error: ')
      expect(refusal, `of ${line}`).toContain(why)
    }
  })

  it('name the canaries there are where one is meant that is not', () => {
    const refusal = refusalOf('--canaries one-roof nosuch')
    expect(refusal).toContain('nosuch')
    for (const { name } of CANARIES) expect(refusal).toContain(name)
  })

  it('are taken where they mean something, and printed so that they are read again', () => {
    for (const line of [
      '--seed 7',
      '--plans --seed 7 --seeds 3 --shrink off',
      '--seed 7 --peers 10 --days 2 --budget within --print',
      '--seed 7 --minutes 3',
      '--plan x.json --shrink off',
      '--plan x.json --print',
      '--classic --seed 3 --minutes 5 --peers 9 --days 2',
      '--histories --seeds 2 --peers 6 --days 60',
      '--hostile --seeds 10 --sessions 30',
      '--hostile --seed 3 --minutes 1',
    ]) {
      expect(commandOf(read(line))).toBe(`npm run sim -- ${line}`)
    }
    expect(misuseOf(read('--canaries'))).toBeUndefined()
    expect(read('--canaries one-roof old-head').canaries).toEqual(['one-roof', 'old-head'])
  })

  it('begin with the story where they are printed, and leave out what changes no story', () => {
    expect(commandOf({ seed: 1, ...read('--json --classic --days 2') })).toBe(
      'npm run sim -- --classic --seed 1 --days 2',
    )
  })

  it('are such that each canary is hunted with them', () => {
    for (const { foundBy } of CANARIES) {
      const options = read(wordsFor(foundBy, { seed: 1, seeds: foundBy.seeds }).join(' '))
      expect(storyOf(options)).toBe(foundBy.story)
    }
  })
})

function read(line: string): ReturnType<typeof readOptions> {
  return readOptions(line.split(' '), commandLine().exitOverride())
}

/** @returns what is said of a line that is not taken */
function refusalOf(line: string): string {
  let said = ''
  const program = commandLine()
    .exitOverride()
    .configureOutput({ writeErr: (text) => (said += text) })
  expect(() => readOptions(line.split(' '), program)).toThrow(
    expect.objectContaining({ exitCode: 1 }),
  )
  return said
}
