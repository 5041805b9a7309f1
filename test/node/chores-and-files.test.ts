import { describe, expect, it } from 'vitest'

import { toBytes, toText } from '../../sim/file-tree.ts'
import {
  BY_HAND,
  KIB,
  backUp,
  diary,
  expectAll,
  forget,
  gc,
  rebuild,
  sleepDays,
  type Day,
} from '../support/chores.ts'
import { HOME, noise, TestVault } from '../support/test-vault.ts'

const DIARY = `${HOME}/diary`

describe('a rebuild whose file changes meanwhile', () => {
  it('keeps every snapshot, whenever the change comes', () =>
    tell(async (vault) => {
      const days = await diary(vault, 3, { size: 20 * KIB, changed: 100 })
      for (let call = 1, isChanged = true; isChanged; call += 4) {
        let calls = 0
        isChanged = false
        vault.laptop.filesTrouble.onStep = (_, path) => {
          if (toText(path) !== DIARY || ++calls !== call) return
          isChanged = true
          const { tree } = vault.laptop
          tree.write(tree.node(toBytes(DIARY)), 7_000, noise(200, call + 500))
        }
        const { failures, published, files } = await rebuild(vault)
        vault.laptop.filesTrouble.onStep = undefined
        expect(published || failures.length > 0 || files.length === 0).toBe(true)
        await expectAll(vault, days.slice(-3))
        vault.write('diary', noise(20 * KIB).fill(call, 5_000, 5_100))
        days.push(await backUp(vault))
        vault.write('diary', noise(20 * KIB).fill(call, 6_000, 6_100))
        days.push(await backUp(vault))
      }
      await expectAll(vault, days)
    }))

  it.each(['link', 'folder', 'nothing', 'shorter'] as const)('is not led astray by a %s', (what) =>
    tell(async (vault) => {
      const days = await diary(vault, 4, { size: 20 * KIB, changed: 100 })
      vault.remove('diary')
      if (what === 'link') vault.symlink('diary', '/dev/zero')
      if (what === 'folder') vault.folder('diary')
      if (what === 'shorter') vault.write('diary', 'x')
      const { failures, files } = await rebuild(vault)
      expect(failures).toEqual([])
      expect(files).toMatchObject([{ isDone: true }])
      await expectAll(vault, days)
      const next = await backUp(vault)
      await expectAll(vault, [...days, next])
    }),
  )
})

describe('a rebuild of an odd history', () => {
  it('goes well with empty, equal and tiny versions, and originals of one object', () =>
    tell(async (vault) => {
      const contents = [noise(9 * KIB), '', noise(9 * KIB), noise(9 * KIB).fill(1, 0, 9), 'x', '']
      const days: Day[] = []
      for (const [index, content] of contents.entries()) {
        vault.write('diary', content)
        vault.write('grown', noise(70 * KIB + 100 * index))
        days.push(await backUp(vault))
      }
      await rebuild(vault)
      await expectAll(vault, days)
      await forget(vault, { last: 3 })
      await expectAll(vault, days.slice(-3))
      vault.write('diary', noise(9 * KIB))
      vault.write('grown', '')
      days.push(await backUp(vault))
      await rebuild(vault)
      await gc(vault)
      await sleepDays(vault, 70)
      await expectAll(vault, days.slice(-4))
    }))

  it('leaves alone what was copied, renamed, deleted and made anew, over forgetting and gc', () =>
    tell(async (vault) => {
      const days = await diary(vault, 4)
      vault.write('album/copy', noise(60 * KIB))
      vault.laptop.tree.rename(toBytes(DIARY), toBytes(`${HOME}/album/moved`))
      days.push(await backUp(vault))
      const text = noise(60 * KIB, 7)
      for (let day = 0; day < 3; day += 1) {
        vault.write('album/moved', text.fill(day, 100, 200))
        vault.write('diary', text.fill(day, 300, 400))
        days.push(await backUp(vault))
      }
      vault.rename('album', 'old album')
      vault.remove('diary')
      days.push(await backUp(vault))
      vault.write('album/moved', text.fill(9, 500, 600))
      vault.write('diary', text.fill(9, 700, 800))
      days.push(await backUp(vault))
      await rebuild(vault)
      await expectAll(vault, days)
      await vault.withClient((client, signal) =>
        client.pin(
          [days[1]!, days[5]!].map(({ sequence }) => String(sequence)),
          true,
          signal,
        ),
      )
      await forget(vault, { last: 1 })
      const kept = [days[1]!, days[5]!, days.at(-1)!]
      await expectAll(vault, kept)
      vault.write('old album/moved', text.fill(11, 500, 600))
      vault.write('diary', text.fill(11, 700, 800))
      kept.push(await backUp(vault))
      await rebuild(vault)
      await gc(vault)
      await sleepDays(vault, 60)
      kept.push(await backUp(vault))
      await expectAll(vault, kept)
      await vault.recoverElsewhere()
      await expectAll(vault, kept)
    }))
})

describe('snapshots that were forgotten', () => {
  it('are told apart from what is there, in words, also the newest one', () =>
    tell(async (vault) => {
      vault.write('diary', noise(60 * KIB))
      const first = await backUp(vault, { tags: ['good'] })
      vault.write('diary', noise(60 * KIB).fill(1, 0, 99))
      await backUp(vault)
      vault.write('diary', noise(60 * KIB).fill(2, 0, 99))
      const last = await backUp(vault)
      await forget(vault, { tags: [['good']] })
      // The newest head is no snapshot, and the newest snapshot is far behind what the machine has.
      expect(await vault.differences('latest', first.picture)).toEqual([])
      expect(await vault.list(HOME)).toEqual([DIARY])
      await expect(vault.list(HOME, String(last.sequence))).rejects.toThrow(
        'There is no snapshot 3; there are 1 to 1',
      )
      const { filesUnmodified, sequence } = await vault.backUp({ rebuild: BY_HAND })
      expect([filesUnmodified, sequence]).toEqual([1, 5])
      await expectAll(vault, [first, { ...last, sequence }])
      await expect(vault.list(HOME, '4')).rejects.toThrow(
        'There is no snapshot 4; the nearest that are kept are 1 and 5',
      )
      await vault.recoverElsewhere()
      await expectAll(vault, [first, { ...last, sequence }])
    }))
})

describe('a vault brought back as an older head left it', () => {
  it('keeps what was once taken back from a release, when a thief releases it again', () =>
    tell(async (vault) => {
      vault.write('song', noise(30 * KIB))
      const first = await backUp(vault)
      vault.remove('song')
      const second = await backUp(vault)
      await vault.withClient((client, signal) => client.pin([String(first.sequence)], true, signal))
      await forget(vault, { last: 1 })
      await gc(vault)
      await gc(vault, { isCancel: true })
      vault.write('song', noise(30 * KIB))
      const third = await backUp(vault)
      vault.remove('song')
      await backUp(vault)
      await vault.withClient((client, signal) =>
        client.pin([String(first.sequence)], false, signal),
      )
      await forget(vault, { last: 1 })
      await gc(vault)
      await sleepDays(vault, 28)
      await vault.recoverElsewhere({ head: third.sequence })
      await expectAll(vault, [second, third])
      vault.write('poem', 'after it all')
      const next = await backUp(vault)
      await sleepDays(vault, 60)
      await expectAll(vault, [first, second, third, next])
    }))
})

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 3 }).tell(story)
}
