/** File systems whose clock is another than the machine's, as a file server's is. */

import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { toBytes, toText } from '../../sim/file-tree.ts'
import type { Client } from '../../src/node/client.ts'
import { outside } from '../../sim/poison.ts'
import { makeFolder } from '../adapters/folder.ts'
import { DataFs } from '../support/data-fs.ts'
import { HOME, noise, TestVault } from '../support/test-vault.ts'

const KIB = 1024
const HOUR_MS = 3_600_000

const CLOCKS = [-5_000, 0, 6 * HOUR_MS]

/** Ticks of Linux at 100 Hz, and of FAT. */
const TICKS_NS = [10_000_000, 2_000_000_000]

const LOG_SIZE = 1_500 * KIB

describe.each(TICKS_NS)('a file system that counts in %i ns', (fileTimeStep) => {
  describe.each(CLOCKS)('with a clock %i ms ahead of ours', (fileTimeAheadMs) => {
    const tell = (story: (vault: TestVault) => Promise<void>) =>
      new TestVault({ peers: 3, fileTimeStep, fileTimeAheadMs }).tell(story)

    it.each([100, 300 * KIB])(
      'hides no change of a file of %i bytes that comes right after it was read',
      async (size) => {
        await tell(async (vault) => {
          vault.write('first', noise(size))
          vault.write('second', noise(size, 2))
          await atTick(vault, fileTimeStep)
          vault.write('first', noise(size, 3))
          vault.write('second', noise(size, 4))
          const { filesTrouble } = vault.laptop
          filesTrouble.onStep = (operation, path) => {
            if (operation !== 'open' || toText(path) !== `${HOME}/second`) return
            filesTrouble.onStep = undefined
            vault.write('first', noise(size, 5))
          }
          await vault.withClient(backUp)
          expect(filesTrouble.onStep).toBeUndefined()
          expect((await vault.backUp()).filesChanged).toBe(1)
          expect(await vault.differences('latest', vault.picture())).toEqual([])
        })
      },
    )

    it('hides no change that comes right after a reflink', async () => {
      await tell(async (vault) => {
        const { filesTrouble, tree } = vault.laptop
        filesTrouble.hasClones = true
        vault.write('hot', noise(300 * KIB))
        let count = 0
        filesTrouble.onStep = (operation, path) => {
          if (toText(path) !== `${HOME}/hot`) return
          // It changes while it is read, and when it is opened, and once it was copied.
          const isNow =
            operation === 'read' ? count < 4 : ['open', 'read of a copy'].includes(operation)
          if (!isNow) return
          count += 1
          tree.write(tree.node(path), 0, noise(8, 10 + count))
        }
        await vault.withClient(backUp)
        filesTrouble.onStep = undefined
        expect(count).toBeGreaterThan(4)
        await vault.backUp()
        expect(await vault.differences('latest', vault.picture())).toEqual([])
      })
    })

    it('has nothing read twice that did not change', async () => {
      await tell(async (vault) => {
        vault.write('small', noise(100))
        vault.write('large', noise(300 * KIB))
        const folder = outside(makeFolder)
        const storage = new DataFs(join(folder, 'Data.fs'))
        storage.commit({ oid: 1, data: noise(300 * KIB) })
        vault.write('Data.fs', storage.bytes)
        // An index that is no good: another is made in its place.
        vault.write('Data.fs.index', 'what ZODB wrote')
        await vault.withClient(backUp)
        expect(await vault.backUp()).toMatchObject({ bytesRead: 0, filesUnmodified: 4 })
      })
    })

    it('costs one wait for all files together', async () => {
      await tell(async (vault) => {
        const write = (seed: number): void => {
          for (let index = 0; index < 300; index += 1) vault.write(`s${index}`, noise(50, seed))
          for (let index = 0; index < 5; index += 1) {
            vault.write(`l${index}`, noise(300 * KIB, seed + index))
          }
        }
        write(1)
        expect(await secondsOf(vault, backUp)).toBeLessThan(10)
      })
    })

    it('costs one wait for many small files that changed between the scan and the reading', async () => {
      await tell(async (vault) => {
        for (let index = 0; index < 200; index += 1) vault.write(`s${index}`, noise(50))
        const request = { paths: [toBytes(HOME)], host: 'laptop' }
        await vault.withClient((client, signal) => client.scan(request, signal))
        await vault.calm()
        for (let index = 0; index < 200; index += 1) vault.write(`s${index}`, noise(50, 2))
        const upload = (client: Client, signal: AbortSignal) =>
          client.upload({ host: 'laptop' }, signal)
        expect(await secondsOf(vault, upload)).toBeLessThan(10)
        expect(await vault.differences('latest', vault.picture())).toEqual([])
      })
    })

    it('lets a quick backup find what comes right after it', async () => {
      await tell(async (vault) => {
        vault.write('log', noise(LOG_SIZE))
        await vault.backUp()
        const { filesTrouble, tree } = vault.laptop
        const log = tree.node(toBytes(`${HOME}/log`))
        tree.write(log, LOG_SIZE, noise(100, 2))
        let isLast = false
        filesTrouble.onStep = (operation) => {
          isLast ||= operation === 'xattrs'
          if (!isLast || operation === 'xattrs' || operation === 'fstat') return
          filesTrouble.onStep = undefined
          tree.write(log, LOG_SIZE, noise(100, 3))
        }
        await vault.withClient((client, signal) => backUp(client, signal, true))
        tree.write(log, LOG_SIZE, noise(100, 4))
        await vault.backUp()
        expect(await vault.differences('latest', vault.picture())).toEqual([])
      })
    })
  })
})

async function backUp(client: Client, signal: AbortSignal, isQuick = false) {
  return client.backup({ paths: [toBytes(HOME)], host: 'laptop', isQuick }, signal)
}

/** Wait for the beginning of a tick of the laptop's file system. */
async function atTick(vault: TestVault, stepNs: number): Promise<void> {
  const { tree } = vault.laptop
  const node = tree.make(toBytes('/tick'), 'file', 0o600)
  const time = (): string => {
    tree.setAttributes(node, { mode: 0o600 })
    return JSON.stringify(node.ctime)
  }
  const before = time()
  while (time() === before) await vault.world.scheduler.sleep(Math.min(1, stepNs / 1e6))
}

/** @returns how long it took, virtual seconds */
async function secondsOf<T>(
  vault: TestVault,
  use: (client: Client, signal: AbortSignal) => Promise<T>,
): Promise<number> {
  const before = vault.world.scheduler.elapsed
  await vault.withClient(use)
  return (vault.world.scheduler.elapsed - before) / 1_000
}
