import { describe, expect, it } from 'vitest'

import { Rows } from '../../src/history/rows.ts'

const KIB = 1024

describe('reads of a pack', () => {
  it('are in a row where one goes on near the end of another', () => {
    const rows = new Rows()
    expect(rows.next(1, { offset: 0, length: 100 })).toBe(true)
    expect(rows.next(1, { offset: 100, length: 50 })).toBe(true)
    expect(rows.next(1, { offset: 60 * KIB, length: 10 })).toBe(true)
    expect(rows.next(1, { offset: 900 * KIB, length: 10 })).toBe(false)
    expect(rows.next(1, { offset: 60 * KIB + 10, length: 10 })).toBe(true)
    expect(rows.next(1, { offset: 900 * KIB + 10, length: 10 })).toBe(true)
  })

  it('are of their own pack', () => {
    const rows = new Rows()
    expect(rows.next(1, { offset: 500 * KIB, length: 10 })).toBe(false)
    expect(rows.next(2, { offset: 500 * KIB + 10, length: 10 })).toBe(false)
    expect(rows.next(1, { offset: 500 * KIB + 10, length: 10 })).toBe(true)
  })

  it('are forgotten when many others were begun', () => {
    const rows = new Rows()
    for (let at = 1; at <= 9; at += 1) rows.next(1, { offset: at * 1000 * KIB, length: 1 })
    expect(rows.next(1, { offset: 1000 * KIB + 1, length: 1 })).toBe(false)
    expect(rows.next(1, { offset: 9000 * KIB + 1, length: 1 })).toBe(true)
  })
})
