/** Progress: how far a backup is, and what the last snapshots say of what is still to come. */

import { describe, expect, it } from 'vitest'
import type { Progress } from '../../src/node/client.ts'
import { PathPattern } from '../../src/source/path-pattern.ts'
import { HOME, noise, TestVault } from '../support/test-vault.ts'

const KIB = 1024
const MIB = 1024 * KIB
const FILES = 700

describe('the progress of a backup', () => {
  it('has no total while a first scan goes on', () =>
    new TestVault({ peers: 4 }).tell(async (vault) => {
      writeFiles(vault, FILES)
      const scan = (await progressOf(vault)).filter(({ phase }) => phase === 'scan')
      expect(scan.length).toBeGreaterThan(1)
      expect(scan.at(-1)).toMatchObject({ filesDone: FILES, bytesDone: FILES })
      for (const state of scan) {
        expect(state).toMatchObject({ filesTotal: undefined, bytesTotal: undefined })
        expect(state.isEstimate).toBe(false)
      }
    }))

  it('has as a total what the last snapshots had there, until there is more', () =>
    new TestVault({ peers: 4 }).tell(async (vault) => {
      writeFiles(vault, FILES)
      vault.write('apart/file', 'x')
      await vault.backUp()
      const again = (await progressOf(vault)).filter(({ phase }) => phase === 'scan')
      for (const { filesTotal, isEstimate } of again) {
        expect([filesTotal, isEstimate]).toEqual([FILES + 1, true])
      }
      // A file that is named itself, and one of the folders.
      const named = (await progressOf(vault, ['apart/file', 'many'])).filter(isScan)
      expect(named[0]).toMatchObject({ filesTotal: FILES + 1 })
      writeFiles(vault, 2 * FILES)
      const grown = (await progressOf(vault)).filter(isScan)
      expect(grown[0]).toMatchObject({ filesTotal: FILES + 1, isEstimate: true })
      expect(grown.at(-1)).toMatchObject({ filesTotal: undefined, isEstimate: false })
    }))

  it('has news within one large file, and of what is sent after the last was read', () =>
    new TestVault({ peers: 4 }).tell(async (vault) => {
      vault.write('large', noise(9 * MIB, 1))
      const states = await progressOf(vault)
      const within = states.filter(({ bytesDone }) => bytesDone > 0 && bytesDone < 9 * MIB)
      expect(new Set(within.map(({ bytesDone }) => bytesDone)).size).toBeGreaterThanOrEqual(4)
      for (const state of within) expect(state).toMatchObject({ bytesTotal: 9 * MIB, filesDone: 0 })
      const rest = states.filter(({ phase }) => phase === 'publish')
      const sent = rest.map(({ bytesSent = 0 }) => bytesSent)
      expect(sent.at(-1)).toBeGreaterThan(9 * MIB)
      expect(new Set(sent).size).toBeGreaterThan(20)
      expect(sent).toEqual(sent.toSorted((a, b) => a - b))
    }))
})

describe('the progress of a restore', () => {
  it('has as totals what the snapshot has, and none where only a part is wanted', () =>
    new TestVault({ peers: 4 }).tell(async (vault) => {
      vault.write('one', 'x'.repeat(100))
      vault.write('folder/two', 'y'.repeat(200))
      await vault.backUp()
      let restores = 0
      const totals = (paths: readonly string[], exclude: readonly string[] = []) =>
        vault.withClient(async (client, signal) => {
          const seen = new Set<string>()
          await client.restore(
            {
              at: await client.at('latest', signal),
              paths: paths.map((path) => Buffer.from(path)),
              target: Buffer.from(`/restore/${++restores}`),
              patterns: { include: [], exclude: exclude.map((text) => new PathPattern(text)) },
              onProgress: ({ filesTotal, bytesTotal }) => seen.add(`${filesTotal} ${bytesTotal}`),
            },
            signal,
          )
          return [...seen]
        })
      expect(await totals([])).toEqual(['2 300'])
      expect(await totals(['/home'])).toEqual(['2 300'])
      expect(await totals([`${HOME}/folder`])).toEqual(['undefined undefined'])
      expect(await totals([HOME], ['two'])).toEqual(['undefined undefined'])
    }))
})

function isScan({ phase }: Progress): boolean {
  return phase === 'scan'
}

/** Of one byte each, in many folders, so that a scan has several batches. */
function writeFiles(vault: TestVault, count: number): void {
  for (let index = 0; index < count; index += 1) {
    vault.write(`many/${index % 100}/${index}`, 'x')
  }
}

/** @returns every state that a backup tells */
async function progressOf(vault: TestVault, paths?: readonly string[]): Promise<Progress[]> {
  const states: Progress[] = []
  const named = paths?.map((path) => Buffer.from(`${HOME}/${path}`))
  await vault.backUp({
    ...(named === undefined ? {} : { paths: named }),
    onProgress: (state) => states.push(state),
  })
  return states
}
