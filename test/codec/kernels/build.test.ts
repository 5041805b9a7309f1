import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { expect, it } from 'vitest'

const BUILD = fileURLToPath(
  new URL('../../../src/codec/kernels/assembly/build.mjs', import.meta.url),
)

it('the kernels are, byte for byte, what their sources give', () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [BUILD, '--check'], {
    encoding: 'utf8',
  })
  expect(stdout + stderr).toBe('')
  expect(status).toBe(0)
})
