/** Some canaries, each found within seconds; `npm run soak` hunts the others, and `npm run sim -- --canaries` all. */

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { hunt } from '../../sim/canaries.ts'
import { CANARIES } from '../../sim/canary-list.ts'
import { patch, StaleCanaryError } from '../../sim/canary-patch.ts'
import { QUICK } from '../support/quick-canaries.ts'

describe('a canary', () => {
  for (const canary of CANARIES) {
    it(`has a place in the code: ${canary.name}`, () => {
      const source = readFileSync(new URL(`../../${canary.file}`, import.meta.url), 'utf8')
      expect(patch(source, canary)).not.toBe(source)
    })
  }

  it('has a name of its own', () => {
    const names = CANARIES.map(({ name }) => name)
    expect(names).toEqual([...new Set(names)])
  })

  it('is hunted in every run of the tests, or else in the soak', () => {
    const names = CANARIES.map(({ name }) => name)
    expect(QUICK.filter((name) => !names.includes(name))).toEqual([])
  })

  it('is stale where its text is not there exactly once', () => {
    const canary = { name: 'a', file: 'b', text: 'one', replacement: 'two' }
    expect(patch('at one place', canary)).toBe('at two place')
    expect(() => patch('at no place', canary)).toThrow(StaleCanaryError)
    expect(() => patch('one or one', canary)).toThrow(StaleCanaryError)
  })

  for (const canary of CANARIES.filter(({ name }) => QUICK.includes(name))) {
    it(`is found: ${canary.bug}`, { timeout: 300_000 }, async () => {
      expect((await hunt(canary)).by).toBeDefined()
    })
  }
})
