import { describe, expect, it } from 'vitest'

import { deriveVaultKeys } from '../../protocol/keys.ts'
import { VolumeFile } from '../../sim/volume.ts'
import { HelpedVaults } from '../../src/store/helped-vaults.ts'
import { onMachine } from '../support/on-machine.ts'
import { repairCapOf } from '../support/repair-caps.ts'

const keys = deriveVaultKeys(new Uint8Array(32).fill(1))
const other = deriveVaultKeys(new Uint8Array(32).fill(2))
const cap = repairCapOf(keys)

describe('helped vaults', () => {
  it('are kept from one start to the next', async () => {
    await onMachine(async ({ disk, log }, machine) => {
      const helped = await HelpedVaults.open(disk, log)
      expect(await helped.add(cap)).toBe('added')
      expect(await helped.add(cap)).toBe('known')
      await helped.add(repairCapOf(other))
      machine.crash('power')
      machine.boot()
      const { ports } = machine
      const again = await HelpedVaults.open(ports.disk, ports.log)
      expect(again.all().map((one) => one.cap.vault)).toHaveLength(2)
      expect(again.all()).toEqual(helped.all())
    })
  })

  it('keep the cap of the later device', async () => {
    await onMachine(async ({ disk, log }) => {
      const helped = await HelpedVaults.open(disk, log)
      await helped.add(cap)
      expect(await helped.add(repairCapOf(keys, 3))).toBe('added')
      expect(await helped.add(repairCapOf(keys, 2))).toBe('older')
      expect(helped.all()).toMatchObject([{ epoch: 3 }])
      expect((await HelpedVaults.open(disk, log)).all()).toMatchObject([{ epoch: 3 }])
    })
  })

  it('are gone once they are removed, also for whoever has them open', async () => {
    await onMachine(async ({ disk, log }) => {
      const running = await HelpedVaults.open(disk, log)
      await running.add(cap)
      const command = await HelpedVaults.open(disk, log)
      expect(await command.remove(cap.vault)).toBe(true)
      expect(await command.remove(cap.vault)).toBe(false)
      await running.reload()
      expect(running.all()).toEqual([])
    })
  })

  it('go on with a cap that is damaged while they are open, and write it anew', async () => {
    await onMachine(async ({ disk, log }, { volume }) => {
      const helped = await HelpedVaults.open(disk, log)
      await helped.add(cap)
      const node = volume.node(`help/${cap.vault}`)
      if (node instanceof VolumeFile) node.rot(100)
      await helped.reload()
      expect(helped.all()).toMatchObject([{ cap: { vault: cap.vault } }])
      expect((await HelpedVaults.open(disk, log)).all()).toEqual(helped.all())
    })
  })

  it('set a damaged cap aside and keep the others', async () => {
    await onMachine(async ({ disk, log }, { volume }) => {
      const helped = await HelpedVaults.open(disk, log)
      for (const one of [cap, repairCapOf(other)]) await helped.add(one)
      const node = volume.node(`help/${cap.vault}`)
      if (node instanceof VolumeFile) node.rot(100)
      const again = await HelpedVaults.open(disk, log)
      expect(again.all().map((one) => one.cap.vault)).toEqual([repairCapOf(other).vault])
      expect(await disk.list('help')).toContain(`${cap.vault}.bad`)
      expect(await again.add(cap)).toBe('added')
    })
  })
})
