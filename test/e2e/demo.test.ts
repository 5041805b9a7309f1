import { globSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Place } from './cairn.ts'

describe('the demo', () => {
  let place: Place
  beforeEach(() => {
    place = new Place()
    mkdirSync(place.at('tmp'))
  })
  afterEach(() => place.remove())

  // The whole of it is run by package.test.ts.
  it.each(['Cairn demo:', 'storage peers started', 'grid joined'])(
    'interrupted after “%s” leaves no process and no file',
    async (word) => {
      const { child, ended, said } = place.start(['demo', '--size', 'small', '--peers', '3'], {
        env: { TMPDIR: place.at('tmp') },
        isGroup: true,
      })
      await said(word)
      // Ctrl-C in a terminal: the whole group gets it, and the launcher passes it on once more.
      process.kill(-(child.pid ?? 0), 'SIGINT')
      expect(await ended).toMatchObject({ code: 130 })
      expect(readdirSync(place.at('tmp'))).toEqual([])
      expect(processesOf(place.folder)).toEqual([])
    },
  )
})

/** @returns commands of running processes that name the folder; none where there is no /proc */
function processesOf(folder: string): string[] {
  return globSync('/proc/[0-9]*/cmdline').flatMap((file) => {
    try {
      const command = readFileSync(file, 'utf8')
      return command.includes(folder) ? [command] : []
    } catch {
      return [] // It ended meanwhile.
    }
  })
}
