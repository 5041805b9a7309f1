import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { describe, expect, it } from 'vitest'
import { bytesWritten, folderState, totalBytes } from '../../bench/measure/folder-bytes.ts'
import { runMeasured } from '../../bench/measure/run-measured.ts'

/** Uses a known amount of CPU in a child of a child, and 64 MiB. */
const BUSY = `
  const { spawnSync } = require('node:child_process')
  const work = 'const until = process.cpuUsage().user + 3e5; while (process.cpuUsage().user < until);'
  const held = Buffer.alloc(64 << 20, 1)
  spawnSync(process.execPath, ['-e', work])
  spawnSync(process.execPath, ['-e', 'setTimeout(() => {}, 100)'])
  console.log(held.length)
`

describe.skipIf(process.platform !== 'linux')('a measured command', () => {
  it('counts what its children used, and the memory of the largest', async () => {
    const { usage, output } = await runMeasured({ program: process.execPath, args: ['-e', BUSY] })
    expect(output.trim()).toBe(String(64 << 20))
    expect(usage.cpuSeconds).toBeGreaterThanOrEqual(0.3)
    expect(usage.wallSeconds).toBeGreaterThan(0.3)
    expect(usage.peakMemory).toBeGreaterThan(64 << 20)
    expect(usage.peakMemoryOfAll).toBeGreaterThan(usage.peakMemory)
  })

  it('that fails is told with its last words', async () => {
    const args = ['-e', 'console.error("out of luck"); process.exit(3)']
    await expect(runMeasured({ program: process.execPath, args })).rejects.toThrow(
      /ended with 3: out of luck/,
    )
  })
})

describe('bytes of a store', () => {
  it('are those of all files, and what was written since is new or changed files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cairn-bench-test-'))
    try {
      writeFileSync(join(folder, 'kept'), 'x'.repeat(100))
      writeFileSync(join(folder, 'grown'), 'x'.repeat(10))
      const before = folderState([folder])
      writeFileSync(join(folder, 'grown'), 'x'.repeat(20))
      writeFileSync(join(folder, 'fresh'), 'x'.repeat(5))
      writeFileSync(join(folder, 'lock'), 'x')
      const after = folderState([folder], (path) => path !== 'lock')
      expect(totalBytes(after)).toBe(125)
      expect(bytesWritten(before, after)).toBe(25)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
