/** After each test file: no simulated world is left running, whose poison the files after it would meet. */

import { afterAll } from 'vitest'

const REAL = Date

afterAll(() => {
  if (Date === REAL) return
  throw new Error('a simulated world was left running, and its poison is in place: sim/poison.ts')
})
