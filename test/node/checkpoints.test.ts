/** Partial snapshots: what is done of a long backup can be restored while the rest goes on. */

import { describe, expect, it } from 'vitest'
import type { Decision } from '../../src/repair/retention.ts'
import { noise, TestVault } from '../support/test-vault.ts'

const KIB = 1024
const FILES = 12

/** In virtual time a file is read in a few milliseconds. */
const SOON_MS = 5

describe('a backup that takes long', () => {
  it('publishes what is done now and then, and in the end all of it', () =>
    new TestVault({ peers: 4 }).tell(async (vault) => {
      for (let index = 0; index < FILES; index += 1) {
        vault.write(`folder ${index % 3}/${index}`, noise(400 * KIB, index + 1))
      }
      const before = vault.picture()
      const summary = await vault.backUp({ checkpointMs: SOON_MS })
      vault.laptop.filesTrouble.onStep = undefined
      expect(summary).toMatchObject({ published: true, filesNew: FILES, filesTotal: FILES })
      const rows = await vault.withClient((client, signal) => client.snapshots(signal))
      expect(rows.length).toBeGreaterThan(2)
      expect(rows.map(({ isComplete }) => isComplete)).toEqual([
        true,
        ...Array.from({ length: rows.length - 1 }, () => false),
      ])
      expect(await vault.differences('latest', before)).toEqual([])

      // Each partial one has what was done by then, whole, and more than the one before.
      const counts: number[] = []
      for (const { sequence } of rows.toReversed()) {
        const { picture, summary: restored } = await vault.restore(String(sequence))
        expect(restored.failures).toEqual([])
        const files = [...picture].filter(([path]) => /\/\d+$/.test(path))
        for (const [path, found] of files) expect(found).toEqual(before.get(path))
        counts.push(files.length)
      }
      expect(counts.at(-1)).toBe(FILES)
      expect(counts).toEqual([...new Set(counts)].toSorted((a, b) => a - b))
      // Nothing was read twice for it.
      expect(summary.bytesRead).toBe(FILES * 400 * KIB)
    }))

  it('goes on after a crash from the last partial snapshot', () =>
    new TestVault({ peers: 4 }).tell(async (vault) => {
      for (let index = 0; index < FILES; index += 1) {
        vault.write(`${index}`, noise(400 * KIB, index + 1))
      }
      onOpen(vault, (count) => {
        if (count === 9) vault.laptop.crash('power')
      })
      await expect(vault.backUp({ checkpointMs: SOON_MS })).rejects.toThrow()
      vault.laptop.filesTrouble.onStep = undefined
      vault.laptop.boot()
      const known = await vault.withClient((client, signal) => client.snapshots(signal))
      expect(known.length).toBeGreaterThan(0)
      expect(known.every(({ isFinished }) => !isFinished)).toBe(true)
      const { lastSnapshot } = await vault.withClient((client, signal) => client.status(signal))
      expect(lastSnapshot).toEqual({ complete: null, incomplete: 0, isPartial: true })
      const summary = await vault.backUp()
      expect(summary.filesUnmodified).toBeGreaterThan(0)
      expect(summary.filesNew).toBe(FILES - summary.filesUnmodified)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('has its partial snapshots forgotten before any that came to its end', () =>
    new TestVault({ peers: 4 }).tell(async (vault) => {
      const write = (day: number) => {
        for (let index = 0; index < FILES; index += 1) {
          vault.write(`${index}`, noise(400 * KIB, day * FILES + index + 1))
        }
      }
      write(0)
      const first = await vault.backUp()
      write(1)
      const second = await vault.backUp({ checkpointMs: SOON_MS })
      const picture = vault.picture()
      vault.laptop.filesTrouble.onStep = undefined
      const rows = await vault.withClient((client, signal) => client.snapshots(signal))
      expect(rows.length).toBeGreaterThan(3)
      const forgotten = await vault.withClient((client, signal) =>
        client.forget({ policy: { last: 2 }, isDryRun: false }, signal),
      )
      expect(forgotten.decisions.filter(({ isKept }) => isKept).map(idOf)).toEqual([
        second.sequence,
        first.sequence,
      ])
      const gone = forgotten.decisions.filter(({ isKept }) => !isKept)
      expect(gone.map(({ reasons }) => reasons)).toEqual(
        gone.map((_, index) => [
          `partial: snapshot ${index === 0 ? second.sequence : idOf(gone[index - 1]!)} took its place`,
        ]),
      )
      expect(await vault.differences('latest', picture)).toEqual([])
      const { lastSnapshot } = await vault.withClient((client, signal) => client.status(signal))
      expect(lastSnapshot).toMatchObject({ complete: { sequence: second.sequence } })
    }))

  it('waits with that while friends are away', () =>
    new TestVault({ peers: 4 }).tell(async (vault) => {
      for (let index = 0; index < FILES; index += 1) {
        vault.write(`${index}`, noise(400 * KIB, index + 1))
      }
      onOpen(vault, (count) => {
        const [, ...others] = vault.friends.all
        if (count === 1) for (const friend of others) vault.friends.crash(friend)
      })
      const summary = await vault.backUp({ checkpointMs: SOON_MS })
      vault.laptop.filesTrouble.onStep = undefined
      expect(summary).toMatchObject({ published: false, filesNew: FILES })
      vault.startFriends()
      expect(await vault.backUp()).toMatchObject({ published: true, bytesRead: 0 })
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))
})

function idOf({ row }: Decision): number {
  return row.sequence
}

/** Told of each file that is opened. */
function onOpen(vault: TestVault, act: (count: number) => void): void {
  let count = 0
  vault.laptop.filesTrouble.onStep = (operation) => {
    if (operation === 'open') act(++count)
  }
}
