import { describe, expect, it } from 'vitest'
import { concat, equal } from '../../protocol/bytes.ts'
import { OBJECT_SIZE_MAX } from '../../protocol/object.ts'
import { DeltaBuffer } from '../../src/backup/delta-buffer.ts'
import { onMachine } from '../support/on-machine.ts'
import { noise } from '../support/test-vault.ts'

const MIB = 1024 ** 2

describe('a delta buffer', () => {
  it.each([
    [[]],
    [[1]],
    [[OBJECT_SIZE_MAX - 1]],
    [[OBJECT_SIZE_MAX]],
    [[OBJECT_SIZE_MAX - 1, 2, 5]],
    [Array.from({ length: 19 }, () => MIB + 1)],
  ])('gives back %j in parts that fit one object each', async (sizes) => {
    await onMachine(async ({ disk }) => {
      await disk.makeFolder('spool')
      const buffer = new DeltaBuffer(disk)
      const written = sizes.map((size, index) => noise(size, index))
      for (const bytes of written) await buffer.append(bytes)
      const whole = concat(...written)
      expect(buffer.size).toBe(whole.length)
      const parts = []
      for await (const part of buffer.parts()) parts.push(part)
      expect(equal(concat(...parts), whole)).toBe(true)
      for (const part of parts) expect(part.length).toBeLessThanOrEqual(OBJECT_SIZE_MAX)
      await buffer.reset()
      expect(buffer.size).toBe(0)
      expect(await disk.list('spool')).toEqual([])
    })
  })

  it('keeps what is small off the disk, and what is large out of memory', async () => {
    await onMachine(async ({ disk }, { volume }) => {
      await disk.makeFolder('spool')
      const buffer = new DeltaBuffer(disk)
      await buffer.append(noise(OBJECT_SIZE_MAX - 1))
      expect(volume.used).toBe(0)
      for (let count = 0; count < 12; count += 1) await buffer.append(noise(MIB))
      expect(buffer.size - volume.used).toBeLessThan(OBJECT_SIZE_MAX)
    })
  })

  it('begins anew, whatever it held', async () => {
    await onMachine(async ({ disk }) => {
      await disk.makeFolder('spool')
      const buffer = new DeltaBuffer(disk)
      for (const size of [5 * MIB, 6 * MIB, 10]) {
        await buffer.reset()
        await buffer.append(noise(size, size))
        const parts = []
        for await (const part of buffer.parts()) parts.push(part)
        expect(equal(concat(...parts), noise(size, size))).toBe(true)
      }
    })
  })
})
