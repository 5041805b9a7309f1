import { describe, expect, it } from 'vitest'
import { sha256 } from '../../protocol/hash.ts'
import { Spool } from '../../src/store/spool.ts'
import { onMachine } from '../support/on-machine.ts'
import { noise } from '../support/test-vault.ts'

describe('a pack whose shares all have a place', () => {
  it('is kept as a cache if it is metadata, also where that was done before a power cut already', () =>
    onMachine(async ({ disk }) => {
      const bytes = noise(1_000)
      const spool = new Spool(disk)
      await spool.open()
      const draft = await spool.begin(7)
      await draft.append(bytes)
      await draft.finish()
      await spool.retire(7, true)
      // The database has forgotten it, so the pack is placed again, and found to be complete again.
      expect(sha256((await spool.readWhole(7, bytes.length))!)).toEqual(sha256(bytes))
      await spool.retire(7, true)
      expect(sha256((await spool.readWhole(7, bytes.length))!)).toEqual(sha256(bytes))
      await spool.retire(7, false)
    }))
})
