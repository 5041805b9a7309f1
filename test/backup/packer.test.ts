import { describe, expect, it } from 'vitest'
import { concat, equal } from '../../protocol/bytes.ts'
import { PACK_SIZE_TARGET, padPack, padme } from '../../protocol/pack.ts'
import { DiskFullError } from '../../src/base/errors.ts'
import { padKey, startPacking } from '../support/packing.ts'
import { noise } from '../support/test-vault.ts'
import { onMachine } from '../support/on-machine.ts'

const MIB = 1024 ** 2

describe('a packer', () => {
  it('puts objects back to back and pads the whole', async () => {
    await onMachine(async ({ disk }) => {
      const { packer, packs, spool } = await startPacking(disk)
      const objects = [noise(100, 1), noise(3_000, 2), noise(2 * MIB, 3), noise(77, 4)]
      const places = []
      for (const object of objects) places.push(...(await packer.add([object])))
      await packer.flush()
      expect(places.map(({ pack, offset, length }) => [pack, offset, length])).toEqual([
        [1, 0, 100],
        [1, 100, 3_000],
        [1, 3_100, 2 * MIB],
        [1, 3_100 + 2 * MIB, 77],
      ])
      const size = padme(3_177 + 2 * MIB)
      expect(packs).toMatchObject([{ number: 1, kind: 'data', size }])
      const expected = padPack(concat(...objects), padKey)
      const whole = await spool.readWhole(1, size)
      expect(whole !== undefined && equal(whole, expected)).toBe(true)
      expect(equal(packs[0]!.bytes.subarray(0, size), expected)).toBe(true)
    })
  })

  it('keeps what is added together in one pack', async () => {
    await onMachine(async ({ disk }) => {
      const { packer, packs } = await startPacking(disk)
      await packer.add([new Uint8Array(PACK_SIZE_TARGET - 100)])
      const run = await packer.add([new Uint8Array(60), new Uint8Array(41)])
      expect(run.map(({ pack, offset }) => [pack, offset])).toEqual([
        [2, 0],
        [2, 60],
      ])
      await packer.flush()
      expect(packs.map(({ number }) => number)).toEqual([1, 2])
    })
  })

  it('fills a pack to its target and not beyond', async () => {
    await onMachine(async ({ disk }) => {
      const { packer, packs } = await startPacking(disk)
      for (let count = 0; count < 8; count += 1) await packer.add([new Uint8Array(MIB)])
      expect(packs).toEqual([])
      await packer.add([new Uint8Array(60)])
      await packer.flush()
      expect(packs.map(({ size }) => size)).toEqual([padme(PACK_SIZE_TARGET), 60])
    })
  })

  it('makes no pack of nothing', async () => {
    await onMachine(async ({ disk }) => {
      const { packer, packs } = await startPacking(disk)
      await packer.flush()
      await packer.abandon()
      await packer.flush()
      expect(packs).toEqual([])
      expect(await disk.list('spool')).toEqual([])
    })
  })

  it('leaves nothing behind when it is given up, and never gives its number again', async () => {
    await onMachine(async ({ disk }) => {
      const { packer } = await startPacking(disk)
      await packer.add([noise(3 * MIB)])
      expect(await disk.list('spool')).toEqual(['1.new'])
      await packer.abandon()
      expect(await disk.list('spool')).toEqual([])
      const [place] = await packer.add([noise(10)])
      expect(place?.pack).toBe(2)
    })
  })

  it('hands on no pack that the disk had no room for', async () => {
    await onMachine(async ({ disk }, { diskTrouble }) => {
      const { packer, packs } = await startPacking(disk)
      await packer.add([noise(100)])
      diskTrouble.capacity = 50
      await expect(packer.flush()).rejects.toBeInstanceOf(DiskFullError)
      await packer.abandon()
      expect(packs).toEqual([])
      expect(await disk.list('spool')).toEqual([])
    })
  })

  it('fills the next pack while a full one is on its way, and no more than that', async () => {
    await onMachine(async ({ disk }) => {
      const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const handedOn: number[] = []
      const { packer } = await startPacking(disk, async ({ number }) => {
        handedOn.push(number)
        await gates[number - 1]?.promise
      })
      const fill = () => packer.add([new Uint8Array(PACK_SIZE_TARGET)])
      await fill()
      await fill()
      let isThirdBegun = false
      const third = fill().then(() => (isThirdBegun = true))
      const flushed = third.then(() => packer.flush())
      await disk.list('spool')
      expect(isThirdBegun).toBe(false)
      gates[0]?.resolve()
      await third
      gates[1]?.resolve()
      await flushed
      expect(handedOn).toEqual([1, 2, 3])
    })
  })

  it('tells of a pack that could not be handed on with the next call', async () => {
    await onMachine(async ({ disk }) => {
      const { packer } = await startPacking(disk, () => Promise.reject(new DiskFullError('full')))
      await packer.add([new Uint8Array(PACK_SIZE_TARGET)])
      await packer.add([new Uint8Array(PACK_SIZE_TARGET)])
      await expect(packer.flush()).rejects.toBeInstanceOf(DiskFullError)
      await packer.abandon()
    })
  })
})
