import { describe, expect, it } from 'vitest'
import { utf8 } from '../../protocol/bytes.ts'
import { CALM_RUNS, HOT_MAX, HotFiles } from '../../src/store/hot-files.ts'
import { Settings } from '../../src/store/settings.ts'
import { memoryDatabase } from '../support/memory-database.ts'

const LOG = utf8('var/log/app')

describe('a hot file', () => {
  it('is remembered until it held still a few times in a row', () => {
    const settings = new Settings(memoryDatabase())
    const first = new HotFiles(settings)
    first.note(LOG, true)
    expect(first.has(LOG)).toBe(false)
    first.note(LOG, false)
    expect(new HotFiles(settings).has(LOG)).toBe(true)

    const later = new HotFiles(settings)
    for (let run = 1; run < CALM_RUNS; run += 1) later.note(LOG, true)
    later.note(LOG, false)
    for (let run = 1; run < CALM_RUNS; run += 1) later.note(LOG, true)
    expect(later.has(LOG)).toBe(true)
    later.note(LOG, true)
    expect(new HotFiles(settings).has(LOG)).toBe(false)
  })

  it('is forgotten where there are too many, the oldest first', () => {
    const settings = new Settings(memoryDatabase())
    const hot = new HotFiles(settings)
    for (let index = 0; index <= HOT_MAX; index += 1) hot.note(utf8(`file ${index}`), false)
    expect([hot.has(utf8('file 0')), hot.has(utf8('file 1'))]).toEqual([false, true])
  })

  it('is as good as unknown where what is kept of it is damaged', () => {
    const settings = new Settings(memoryDatabase())
    settings.set('hot files', ['nonsense'])
    const hot = new HotFiles(settings)
    expect(hot.has(LOG)).toBe(false)
    hot.note(LOG, false)
    expect(new HotFiles(settings).has(LOG)).toBe(true)
  })
})
