/**
 * A file's subdirectory, written as it is: `rdiff patch` alone makes every version out of it.
 *
 * Needs the program `rdiff` (package rdiff).
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { toBytes } from '../../sim/file-tree.ts'
import { outside } from '../../sim/poison.ts'
import { REBUILD_POLICY } from '../../src/repair/policy.ts'
import { KIB, backUp, forget, historyOf, rebuild, WHOLE } from '../support/chores.ts'
import { HOME, noise, TestVault } from '../support/test-vault.ts'

const isInstalled = spawnSync('rdiff', ['--version']).status === 0
if (!isInstalled) console.warn('rdiff is missing: its interop tests are skipped')

let extracted = 0

describe.skipIf(!isInstalled)('an extracted history', () => {
  it('is made whole by rdiff alone: forward deltas, reverse ones, and composed ones', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      const contents = new Map<number, Uint8Array>()
      const change = async (day: number) => {
        const content = noise(60 * KIB + 500 * day)
        content.set(noise(400, day), (day * 7_919) % (50 * KIB))
        vault.write('diary', content)
        contents.set((await backUp(vault)).sequence, content)
      }
      for (let day = 0; day < 5; day += 1) await change(day)
      expect(await rebuilt(vault, contents)).toEqual({ original: 1, delta: 4 })
      await rebuild(vault, { policy: { ...REBUILD_POLICY, fetchRatioMax: 2 } })
      expect(await rebuilt(vault, contents)).toEqual({ original: 1, delta: 4 })
      await rebuild(vault, { policy: { ...WHOLE, lossRatioMax: 1 } })
      for (let day = 5; day < 8; day += 1) await change(day)
      expect(await rebuilt(vault, contents)).toMatchObject({ delta: 7 })
      await forget(vault, { last: 2 })
      expect(await rebuilt(vault, contents)).toMatchObject({ delta: 2 })
    })
  })
})

/** @returns how many originals and deltas there were, once rdiff has made every version */
async function rebuilt(
  vault: TestVault,
  contents: ReadonlyMap<number, Uint8Array>,
): Promise<Record<string, number>> {
  extracted += 1
  const target = `/restore/history ${extracted}`
  const { files } = await vault.withClient((client, signal) =>
    client.extractHistory(toBytes(`${HOME}/diary`), target, signal),
  )
  const { spans } = await historyOf(vault)
  return outside(() => {
    const folder = mkdtempSync(join(tmpdir(), 'cairn-extract-'))
    try {
      const byVersion = new Map(files.map((file) => [file.version, file]))
      for (const { name } of files) {
        const { tree } = vault.laptop
        const node = tree.node(toBytes(`${target}/${name}`))
        writeFileSync(join(folder, name), node.read(0, node.size))
      }
      const make = (version: number): string => {
        const file = byVersion.get(version)
        if (file === undefined) throw new Error(`version ${version} was extracted`)
        if (file.base === undefined) return join(folder, file.name)
        const made = join(folder, `made ${version}`)
        const args = ['--force', 'patch', make(file.base), join(folder, file.name), made]
        expect(spawnSync('rdiff', args).status).toBe(0)
        return made
      }
      for (const { what, from } of spans) {
        if (what.kind !== 'file') continue
        expect(new Uint8Array(readFileSync(make(what.version)))).toEqual(contents.get(from))
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
    const counts: Record<string, number> = {}
    for (const { type } of files) counts[type] = (counts[type] ?? 0) + 1
    return counts
  })
}
