import { randomBytes } from 'node:crypto'
import { globSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { jsonLines, Place, recordOf } from './cairn.ts'

const PEERS = 5
const SIZE = 24_000_000
/** Bytes of all shares of the tree: 2 of 4 shares bring it back, so it lies there twice. */
const SHARES_SIZE = SIZE * 2

describe('a backup', () => {
  let place: Place
  beforeEach(async () => {
    place = new Place()
    await place.joinedVault(PEERS)
    for (let index = 0; index < 40; index++) {
      place.write(`files/folder ${index % 4}/file-${index}`, randomBytes(SIZE / 40))
    }
  })
  afterEach(() => place.remove())

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'stopped by %s ends with 130, says that it resumes, and does',
    async (signal) => {
      const { child, ended } = start()
      await until(() => storedSize() > SHARES_SIZE / 10)
      child.kill(signal)
      const { code, stdout, stderr } = await ended
      expect(code).toBe(130)
      expect(stdout).not.toContain('"summary"')
      expect(recordOf(jsonLines(stderr), 'exit_error')).toMatchObject({
        code: 130,
        name: 'InterruptedError',
        advice: expect.stringContaining('resumes') as unknown,
      })
      await place.records(['backup', place.at('files')])
      await expectWhole()
    },
    120_000,
  )

  it('killed again and again goes on where it was, sends nothing twice, and publishes', async () => {
    for (const share of [0.05, 0.2, 0.4, 0.6, 0.8]) {
      const { child, ended } = start()
      const over = ended.then(() => true)
      while (storedSize() < share * SHARES_SIZE) {
        if (await Promise.race([over, pause()])) break
      }
      child.kill('SIGKILL')
      await ended
    }
    const last = recordOf(await place.records(['backup', place.at('files')]), 'summary')
    expect(last).toMatchObject({ is_published: true })
    // A pack that was being sent may leave a share on a peer that another one then has too.
    expect(storedSize()).toBeLessThan(SHARES_SIZE * 1.5)
    await expectWhole()

    const unchanged = recordOf(await place.records(['backup', place.at('files')]), 'summary')
    expect(unchanged).toMatchObject({ bytes_read: 0, files_new: 0, files_changed: 0 })
    expect(Number(unchanged['bytes_sent'])).toBeLessThan(64 * 1024)
  }, 180_000)

  function start() {
    return place.start(['backup', place.at('files'), '--json'])
  }

  /** Bytes in the share files of all peers. */
  function storedSize(): number {
    const files = globSync('peer-*/shares/**/*', { cwd: place.at('grid') })
    const sizes = files.map((file) => {
      const status = statSync(join(place.at('grid'), file), { throwIfNoEntry: false })
      return status?.isFile() === true ? status.size : 0
    })
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  async function expectWhole(): Promise<void> {
    await place.records(['restore', place.at('files'), '--target', place.at('out')])
    expect(place.differences('files', 'out')).toEqual([])
  }
})

async function until(claim: () => boolean): Promise<void> {
  while (!claim()) await pause()
}

async function pause(): Promise<false> {
  await new Promise((resolve) => setTimeout(resolve, 5))
  return false
}
