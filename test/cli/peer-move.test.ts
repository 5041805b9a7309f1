import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { encodePeerFile } from '../../protocol/peer-file.ts'
import type { Context } from '../../src/cli/context.ts'
import { EXIT } from '../../src/cli/exit-code.ts'
import { run } from '../../src/cli/program.ts'
import { makeFolder } from '../adapters/folder.ts'
import { founder, grid } from '../protocol/people.ts'
import { Collector } from './collector.ts'

describe('a peer that is imported', () => {
  it('writes nothing to the terminal but words, whatever its file says', async () => {
    const folder = makeFolder()
    const file = {
      seed: founder.key.seed,
      grid,
      statements: [],
      listen: ['/ip4/\u001b[2J\nall is well'],
    }
    writeFileSync(join(folder, 'peer.txt'), encodePeerFile(file))
    const [stdout, stderr] = [new Collector(), new Collector()]
    const context: Context = {
      env: {},
      workingFolder: folder,
      stdout,
      stderr,
      signal: new AbortController().signal,
      now: () => 0,
      exit: EXIT.ok,
    }
    const options = ['--from', join(folder, 'peer.txt'), '--store', join(folder, 'store')]
    expect(await run(['peer', 'import', ...options], context)).toBe(EXIT.ok)
    expect(stderr.text).not.toContain('\u001b')
    expect(stderr.text).toContain('--listen /ip4/\\x1b[2J\\nall is well')
  })
})
