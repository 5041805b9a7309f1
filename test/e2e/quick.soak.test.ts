/** A log of 1 GiB that grows by 1 MiB; `CAIRN_QUICK_MIB` in the environment makes it smaller. */

import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, openSync, writeSync, closeSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Place, recordOf } from './cairn.ts'

const MIB = 1024 ** 2
const SIZE = Number(process.env['CAIRN_QUICK_MIB'] ?? 1024)

const place = new Place()
beforeAll(() => place.joinedVault(3))
afterAll(() => place.remove())

describe('a log of 1 GiB that grows by 1 MiB', () => {
  it('is read once at most, at its end by a quick backup, and sent as 1.2 MiB at most', async () => {
    mkdirSync(place.at('d'))
    for (let written = 0; written < SIZE; written += 1) append()
    await backUp()

    append()
    const quick = await backUp('--quick')
    expect(quick).toMatchObject({ files_quick: 1, deltas: 1 })
    expect(quick['bytes_read']).toBeLessThanOrEqual(5 * MIB)
    expect(quick['data_added']).toBeLessThanOrEqual(1.2 * MIB)
    await place.records(['restore', place.at('d'), '--target', place.at('quick')])
    expect(place.differences('d', 'quick')).toEqual([])

    append()
    const whole = await backUp()
    expect(whole['bytes_read']).toBe((SIZE + 2) * MIB)
    expect(whole['data_added']).toBeLessThanOrEqual(1.2 * MIB)

    // Long before its end: the quick one misses it, the other does not.
    const file = openSync(place.at('d', 'log'), 'r+')
    writeSync(file, 'changed', 1_000)
    closeSync(file)
    append()
    expect(await backUp('--quick')).toMatchObject({ files_quick: 1 })
    await place.records(['restore', place.at('d'), '--target', place.at('missed')])
    expect(place.differences('d', 'missed')).not.toEqual([])
    expect(await backUp()).toMatchObject({ files_changed: 1 })
    await place.records(['restore', place.at('d'), '--target', place.at('found')])
    expect(place.differences('d', 'found')).toEqual([])
  }, 1_800_000)
})

function append(): void {
  appendFileSync(place.at('d', 'log'), randomBytes(MIB))
}

async function backUp(...options: readonly string[]): Promise<Record<string, unknown>> {
  return recordOf(await place.records(['backup', place.at('d'), ...options]), 'summary')
}
