import { describe, expect, it } from 'vitest'
import { toBytes } from '../../sim/file-tree.ts'
import { DiskFullError } from '../../src/base/errors.ts'
import { Client } from '../../src/node/client.ts'
import { gc } from '../support/chores.ts'
import { HOME, TestVault, clientPorts, noise } from '../support/test-vault.ts'

const KIB = 1024

/** A backup during which disk step `step` fails. @returns whether it came that far, and how it ended */
async function failAt(vault: TestVault, step: number): Promise<{ isHit: boolean; error: unknown }> {
  let steps = 0
  vault.laptop.diskTrouble.onStep = () =>
    ++steps === step ? new DiskFullError('no space left') : 'pass'
  try {
    await vault.backUp()
    return { isHit: steps >= step, error: undefined }
  } catch (error) {
    return { isHit: steps >= step, error }
  } finally {
    vault.laptop.diskTrouble.onStep = undefined
  }
}

describe('a disk that is full for a moment', () => {
  it('at a step of a backup: it ends with that error or goes on, and the next run is whole', async () => {
    const vault = new TestVault({ seed: 5, peers: 3 })
    await vault.tell(async () => {
      const pictures = new Map<number, ReturnType<typeof vault.picture>>()
      for (let step = 1, isHit = true; isHit; step += 3) {
        vault.write('diary', `entry ${step}`)
        vault.write(`photos/${step}`, noise(3 * KIB, step))
        const picture = vault.picture()
        const ended = await failAt(vault, step)
        isHit = ended.isHit
        if (ended.error !== undefined) expect(ended.error).toBeInstanceOf(DiskFullError)
        vault.remove(`photos/${step}`)
        vault.write('diary', `entry ${step} again`)
        const summary = await vault.backUp()
        expect(summary.published).toBe(true)
        pictures.set(summary.sequence, vault.picture())
        if (summary.sequence > 1 && !pictures.has(summary.sequence - 1)) {
          pictures.set(summary.sequence - 1, picture)
        }
      }
      expect(pictures.size).toBeGreaterThan(10)
      for (const [sequence, picture] of pictures) {
        expect(await vault.differences(String(sequence), picture)).toEqual([])
      }
    })
  }, 60_000)

  it('at any size of the database: nothing is half recorded', async () => {
    const vault = new TestVault({ seed: 6, peers: 3 })
    await vault.tell(async () => {
      vault.write('first', noise(20 * KIB))
      await vault.backUp()
      let failures = 0
      for (let room = 0; room < 16; room += 1) {
        for (let index = 0; index < 12; index += 1) {
          vault.write(
            `round ${room}/${'long name '.repeat(15)}${index}`,
            noise(2 * KIB, room * 20 + index),
          )
        }
        await vault.calm()
        try {
          await vault.laptop.run(async (ports, signal) => {
            const open = (name: string) => {
              const database = ports.openDatabase(name)
              const { page_count: pages } = database.prepare('PRAGMA page_count').get() as {
                page_count: number
              }
              database.exec(`PRAGMA max_page_count = ${pages + (room % 4)}`)
              return database
            }
            const client = await Client.open({ ...clientPorts(ports), openDatabase: open }, signal)
            try {
              await client.backup({ paths: [toBytes(HOME)], host: 'laptop' }, signal)
            } finally {
              await client.close()
            }
          })
        } catch (error) {
          failures += 1
          expect(String(error)).toContain('full')
        }
        const summary = await vault.backUp()
        expect(summary.published).toBe(true)
        if (room % 4 === 3) expect(await vault.differences('latest', vault.picture())).toEqual([])
      }
      expect(failures).toBeGreaterThan(1)
    })
  }, 60_000)
})

describe('friends whose disks are full', () => {
  it('are in the way of a large backup, and after a gc no more of a small one', async () => {
    const vault = new TestVault({ seed: 7, peers: 3 })
    await vault.tell(async () => {
      vault.write('diary', 'entry')
      await vault.backUp()
      for (const { machine } of vault.friends.all) {
        machine.diskTrouble.capacity = machine.volume.used + 200 * KIB
      }
      vault.write('photos', noise(2_000 * KIB))
      expect((await vault.backUp()).published).toBe(false)
      vault.remove('photos')
      await gc(vault)
      await vault.calm()
      vault.write('diary', 'entry two')
      expect((await vault.backUp()).published).toBe(true)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    })
  })
})
