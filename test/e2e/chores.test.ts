import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { jsonLines, Place, recordOf } from './cairn.ts'

let place: Place
beforeEach(async () => {
  place = new Place()
  await place.joinedVault(3)
})
afterEach(() => place.remove())

describe('forgetting while a backup is at work', () => {
  it('ends with 11 and changes nothing; afterwards it does what it was asked', async () => {
    place.write('files/letter', 'first')
    await place.records(['backup', place.at('files')])
    for (let index = 0; index < 4; index += 1) {
      place.write(`files/film ${index}`, randomBytes(6_000_000))
    }
    const backup = place.start(['backup', place.at('files'), '--json'])
    await backup.said('status')
    const forget = ['forget', '--keep-last', '1', '--json']
    const { code, stderr } = await place.cairn(forget)
    expect(recordOf(jsonLines(stderr), 'exit_error')).toMatchObject({ name: 'LockedError' })
    expect(code).toBe(11)
    expect(await backup.ended).toMatchObject({ code: 0 })
    expect(await place.cairn(forget)).toMatchObject({ code: 0 })
    await place.records(['restore', place.at('files'), '--target', place.at('back')])
    expect(place.differences('files', 'back')).toEqual([])
  }, 120_000)
})
