import { describe, expect, it } from 'vitest'
import { combine, mean, median } from '../../bench/measure/median.ts'
import { parseRequest } from '../../bench/options.ts'
import { judge } from '../../bench/report/figures.ts'
import { formatNumber, formatRatio } from '../../bench/report/format.ts'
import { fillPage } from '../../bench/report/page.ts'
import { resultsInMarkdown } from '../../bench/report/tables.ts'
import type {
  HistoriesResult,
  HistoryState,
  Operation,
  Results,
  ToolResult,
  WorkloadResult,
} from '../../bench/results.ts'

const MIB = 1024 * 1024

describe('medians', () => {
  it('are the middle, or between the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(() => median([])).toThrow(RangeError)
  })

  it('of operations are taken number by number', () => {
    const runs = [
      operation({ cpuSeconds: 1, wallSeconds: 9, bytesNew: 5 }),
      operation({ cpuSeconds: 3, wallSeconds: 2, bytesNew: 5 }),
      operation({ cpuSeconds: 2, wallSeconds: 4, bytesNew: 5 }),
    ]
    expect(combine(runs, median)).toMatchObject({ cpuSeconds: 2, wallSeconds: 4, bytesNew: 5 })
    expect(combine(runs, mean).cpuSeconds).toBe(2)
  })

  it('have no number that a run lacks', () => {
    const runs = [operation({ bytesSent: 5 }), operation({})]
    expect(combine(runs, median)).not.toHaveProperty('bytesSent')
  })
})

describe('numbers', () => {
  it('show the digits that matter', () => {
    const shown = [0, 0.0521, 1.239, 38.14, 412.4, undefined].map(formatNumber)
    expect(shown).toEqual(['0.000', '0.052', '1.24', '38.1', '412', '–'])
  })

  it('show no ratio without both sides', () => {
    expect(formatRatio(1, 2)).toBe('0.50')
    expect(formatRatio(1, 100)).toBe('0.010')
    expect(formatRatio(30, 2)).toBe('15')
    expect([formatRatio(undefined, 2), formatRatio(1, undefined), formatRatio(1, 0)]).toEqual([
      '–',
      '–',
      '–',
    ])
  })
})

describe('the tables', () => {
  const tools = [
    toolResult('cairn', { cpuSeconds: 3, bytesNew: 0.5 * MIB, bytesSent: MIB, peersCpuSeconds: 1 }),
    toolResult('restic', { cpuSeconds: 2, bytesNew: 50 * MIB }),
  ]

  it('divide by restic, CPU by CPU and byte by byte', () => {
    const text = resultsInMarkdown(results({ workloads: [workload('W2', 0.25, tools)] }))
    const row = cellsOf(text, 'cairn ÷ restic')
    expect(row[headsOf(text).indexOf('day CPU s')]).toBe('1.50')
    expect(row[headsOf(text).indexOf('day new MiB')]).toBe('0.010')
  })

  it('leave out a tool that was not there, and show what failed', () => {
    const [ours] = tools
    const alone = { ...workload('W2', 0.25, ours ? [ours] : []), failures: ['borg: it broke'] }
    const text = resultsInMarkdown(results({ workloads: [alone] }))
    expect(text).not.toContain('| restic |')
    expect(text).not.toContain('| cairn ÷ restic |')
    expect(text).toContain('not measured: borg: it broke')
  })

  it('have as many cells in every row as in the head', () => {
    const text = resultsInMarkdown(
      results({
        workloads: [workload('W2', 0.25, tools)],
        kernels: [{ kernel: 'chunking', rate: 2500 }],
        growth: [grown(10_000)],
        histories: [history({})],
        manyHistories: [
          {
            files: 200_000,
            plan: operation({}),
            live: operation({}),
            forgetWhole: operation({}),
            forget: operation({}),
          },
        ],
      }),
    )
    for (const table of text.split('\n\n').filter((part) => part.startsWith('|'))) {
      const widths = table.split('\n').map((line) => line.split(' | ').length)
      expect(new Set(widths).size).toBe(1)
    }
  })
})

describe('the figures', () => {
  const outcomeOf = (found: Results, figure: string) =>
    judge(found).find((each) => each.figure === figure)?.outcome

  it('are not measured where nothing was', () => {
    expect(new Set(judge(results({})).map(({ outcome }) => outcome))).toEqual(
      new Set(['not measured']),
    )
  })

  it('are met up to the limit, and missed above', () => {
    const day = (mib: number) =>
      results({ workloads: [workload('W2', 0.25, [toolResult('cairn', { bytesNew: mib * MIB })])] })
    expect(outcomeOf(day(0.35), 'W2 day, MiB before erasure')).toBe('met')
    expect(outcomeOf(day(0.36), 'W2 day, MiB before erasure')).toBe('missed')
  })

  it('count only at the scale they were set for', () => {
    const other = workload('W2', 0.05, [toolResult('cairn', { bytesNew: MIB })])
    expect(outcomeOf(results({ workloads: [other] }), 'W2 day, MiB before erasure')).toBe(
      'not measured',
    )
  })

  it('hold kernels against their peers', () => {
    const kernel = (rate: number) =>
      results({ kernels: [{ kernel: 'encode 3-of-10', rate, peer: { name: 'zfec', rate: 100 } }] })
    expect(outcomeOf(kernel(1200), 'encode 3-of-10, × zfec')).toBe('met')
    expect(outcomeOf(kernel(1199), 'encode 3-of-10, × zfec')).toBe('missed')
  })

  it('compare time a file between trees', () => {
    const trees = (seconds: number) =>
      results({ growth: [grown(100_000, 10), grown(1_000_000, seconds)] })
    const figure = 'time a file at 1,000,000 ÷ at 100,000'
    expect(outcomeOf(trees(150), figure)).toBe('met')
    expect(outcomeOf(trees(151), figure)).toBe('missed')
  })

  it('judge the scan of a tree by itself', () => {
    const scanned = (cpuSeconds: number) => {
      const scan = operation({ cpuSeconds, peakMemory: 250e6 })
      return results({ growth: [{ ...grown(300_000), scan }] })
    }
    expect(outcomeOf(scanned(2), 'scan of 300,000 unchanged files, CPU s')).toBe('met')
    expect(outcomeOf(scanned(2.01), 'scan of 300,000 unchanged files, CPU s')).toBe('missed')
    expect(outcomeOf(scanned(2), 'scan of 300,000 unchanged files, peak MB')).toBe('met')
  })

  it('judge histories at the size they were set for', () => {
    const figure = 'stored after the delay ÷ (original + 1.5 × minimal deltas), rebuilt by-hand'
    const judged = (live: number, days = 100) =>
      outcomeOf(results({ histories: [history({ days, live })] }), figure)
    // An original of 100 MiB, and 99 days of 1 MiB.
    expect(judged(248 * MIB)).toBe('met')
    expect(judged(249 * MIB)).toBe('missed')
    expect(judged(249 * MIB, 40)).toBe('not measured')
  })

  it('judge many histories by CPU and memory', () => {
    const usage = (cpuSeconds: number) => operation({ cpuSeconds, peakMemory: 500e6 })
    const steps = { live: usage(1), forgetWhole: usage(60), forget: usage(61) }
    const found = results({ manyHistories: [{ files: 200_000, plan: usage(1), ...steps }] })
    expect(outcomeOf(found, '200,000 histories planned, peak MB')).toBe('met')
    expect(outcomeOf(found, '200,000 histories forgotten, nothing composed, CPU s')).toBe('met')
    expect(outcomeOf(found, '200,000 histories forgotten, each with a delta composed, CPU s')).toBe(
      'missed',
    )
  })

  it('allow no restored file to differ', () => {
    const wrong = { ...toolResult('cairn', {}), contentDifferences: 1 }
    const found = results({ workloads: [workload('W1', 0.25, [wrong])] })
    expect(outcomeOf(found, 'restored files that differ')).toBe('missed')
  })
})

describe('the page', () => {
  const page = 'before\n<!-- generated by x -->\nold\n<!-- end of what is generated -->\nafter\n'

  it('keeps what stands around its marks', () => {
    const filled = fillPage(page, '`npm run bench`', 'new')
    expect(filled).toMatch(/^before\n<!-- generated by `npm run bench`: do not edit -->\n\nnew\n/)
    expect(filled).toMatch(/<!-- end of what is generated -->\nafter\n$/)
    expect(fillPage(filled, '`npm run bench`', 'new')).toBe(filled)
  })

  it('is refused without marks', () => {
    expect(() => fillPage('nothing', 'x', 'new')).toThrow('no marks')
  })
})

describe('options', () => {
  const bench = (...args: string[]) => {
    const request = parseRequest(args)
    if (request.type !== 'bench') throw new Error(request.type)
    return request.options
  }

  it('name workloads at their own scale, or at another', () => {
    const sizes = (...args: string[]) => bench(...args).workloads.map(({ scale }) => scale)
    expect(sizes('--workloads', 'W2,w7@0.0625')).toEqual([0.25, 0.0625])
    expect(sizes('--workloads', 'W2', '--scale', '0.5')).toEqual([0.125])
    expect(sizes('--workloads', 'W2', '--quick')).toEqual([0.05])
  })

  it('measure everything but growth unless asked', () => {
    expect([...bench().parts]).toEqual(['kernels', 'workloads'])
    expect([...bench('--growth').parts]).toEqual(['kernels', 'workloads', 'growth'])
    expect(bench().tools.map(({ name }) => name)).toContain('duplicity')
  })

  it.each([
    ['--workloads', 'W9'],
    ['--tools', 'tar'],
    ['--runs', '0'],
    ['--scale', '-1'],
    ['--parts', 'some'],
    ['--nothing'],
    ['workload', 'W1'],
    ['--day', '1'],
  ])('refuse %s %s', (...args) => {
    expect(() => parseRequest(args)).toThrow(expect.objectContaining({ name: 'UsageError' }))
  })
})

function operation(given: Partial<Operation>): Operation {
  return { cpuSeconds: 1, wallSeconds: 1, peakMemory: MIB, peakMemoryOfAll: MIB, ...given }
}

function toolResult(tool: string, given: Partial<Operation>): ToolResult {
  const each = operation(given)
  return {
    tool,
    runs: 1,
    first: each,
    day: each,
    unchanged: each,
    restore: each,
    stored: MIB,
    contentDifferences: 0,
    attributeDifferences: 0,
  }
}

function workload(name: string, scale: number, tools: readonly ToolResult[]): WorkloadResult {
  return {
    workload: name,
    title: 'a workload',
    scale,
    days: 1,
    files: 1,
    bytes: MIB,
    place: 'disk',
    tools,
    failures: [],
  }
}

function grown(files: number, wallSeconds = 1): Results['growth'][number] {
  const each = operation({ wallSeconds })
  return { kind: 'files', files, bytes: MIB, first: each, unchanged: each }
}

function history({ days = 100, live = 0 }): HistoriesResult {
  const nothing = { count: 0, bytes: 0 }
  const state: HistoryState = {
    originals: { count: 1, bytes: 100 * MIB },
    forward: nothing,
    reverse: { count: days - 1, bytes: (days - 1) * MIB },
    chainLength: 0,
    fetchSize: 100 * MIB,
    loss: 0.001,
    lossOfOriginal: 0.001,
    live,
    dead: 0,
    onPeers: 0,
  }
  return {
    mode: 'by-hand',
    days,
    size: 256 * MIB,
    first: operation({}),
    day: operation({}),
    highestDay: 1,
    peakOfDays: 1,
    addedByDays: (days - 1) * MIB,
    original: 100 * MIB,
    newest: MIB,
    before: state,
    after: state,
    left: state,
    restores: [{ version: days, ofVersions: days, isRight: true, ...operation({}) }],
    rebuild: operation({}),
    forget: operation({}),
    gc: operation({}),
  }
}

function results(given: Partial<Results>): Results {
  const conditions = {
    measuredAt: '2026-01-01T00:00:00Z',
    commit: 'abc',
    processor: 'p',
    cores: 2,
    memory: 1,
    system: 's',
    runtime: '26',
    loadBefore: 0,
    loadAfter: 0,
    seed: 1,
    versions: {},
    command: 'npm run bench',
  }
  const nothing = {
    workloads: [],
    kernels: [],
    growth: [],
    histories: [],
    manyHistories: [],
    relay: [],
  }
  return { conditions, ...nothing, ...given }
}

/** Of the last table of the text. */
function cellsOf(text: string, row: string): string[] {
  const line = text.split('\n').findLast((each) => each.startsWith(`| ${row} |`)) ?? ''
  return line.split('|').map((cell) => cell.trim())
}

function headsOf(text: string): string[] {
  return cellsOf(text, 'tool')
}
