import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { happiness } from '../../src/grid/happiness.ts'

const rows = readFileSync(new URL('../oracles/happiness.csv', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((row) => row.split(','))

describe('happiness', () => {
  it('is what the hundred vectors say', () => {
    expect(rows).toHaveLength(100)
    for (const [layout = '', expected, note] of rows) {
      expect(happiness(places(layout)), `${layout} ${note}`).toBe(Number(expected))
    }
  })

  it('S10: counts a share on many peers once, and a peer with many shares once', () => {
    expect(happiness(places('a:0;b:0;c:0'))).toBe(1)
    expect(happiness(places('a:0+1+2'))).toBe(1)
    expect(happiness(new Map())).toBe(0)
  })
})

function places(layout: string): Map<string, number[]> {
  const entries = layout.split(';').filter((entry) => entry !== '')
  return new Map(
    entries.map((entry) => {
      const [place = '', shares = ''] = entry.split(':')
      return [place, shares.split('+').filter(Boolean).map(Number)]
    }),
  )
}
