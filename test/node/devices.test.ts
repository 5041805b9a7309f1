import { describe, expect, it } from 'vitest'

import { WrongWordsError } from '../../protocol/words.ts'
import { UsageError } from '../../src/base/errors.ts'
import type { DeviceList, VaultDevice } from '../../src/node/client.ts'
import { TestVault } from '../support/test-vault.ts'

describe('devices of a vault', () => {
  it('are listed with their newest heads, the one at hand first', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      vault.write('letter', 'dear friends')
      await vault.backUp()
      const { devices, peersAnswered } = await listed(vault)
      expect(peersAnswered).toBe(3)
      expect(devices).toMatchObject([
        { isThis: true, isAdmitted: true, newest: { sequence: 1, epoch: 1 } },
      ])
      await vault.recoverElsewhere()
      await vault.backUp()
      expect((await listed(vault)).devices).toMatchObject([
        { isThis: true, isAdmitted: true, newest: { sequence: 2, epoch: 2 } },
        { isThis: false, isAdmitted: true, newest: { sequence: 1, epoch: 1 } },
      ])
    })
  })

  it('K12: one that was revoked is refused by every peer, with all its old keys', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      vault.write('letter', 'dear friends')
      await vault.backUp()
      const stolen = vault.laptop
      await vault.recoverElsewhere()
      const [, old] = (await listed(vault)).devices
      const { device, told, missed } = await revoke(vault, old!)
      expect(device.device).toBe(old!.device)
      expect([told.length, missed.length]).toEqual([3, 0])
      for (const { role, peer } of vaultMembers(await listed(vault))) {
        expect(role === 'out').toBe(peer === old!.peer)
      }
      await vault.backUp()

      stolen.boot()
      const own = vault.laptop
      vault.laptop = stolen
      vault.write('letter', 'all of it is lies')
      expect(await vault.backUp()).toMatchObject({ published: false })
      const { warnings } = await vault.withClient((client, signal) => client.status(signal))
      expect(warnings).toEqual([expect.stringContaining('this computer was revoked')])
      vault.laptop = own
      expect((await listed(vault)).devices[0]).toMatchObject({ isThis: true, newest: { epoch: 2 } })
    })
  })

  it('are revoked with the words of the vault only, and never the one at hand', async () => {
    const vault = new TestVault({ peers: 3 })
    const other = new TestVault({ peers: 1, seed: 2 })
    await other.tell(async () => undefined)
    await vault.tell(async () => {
      const [own] = (await listed(vault)).devices
      const asked = (words: string, id: string = own!.device) =>
        vault.withClient((client, signal) => client.revokeDevice({ id, words }, signal))
      await expect(asked('abandon '.repeat(24))).rejects.toThrow(WrongWordsError)
      await expect(asked(other.words)).rejects.toThrow('of another vault')
      await expect(asked(vault.words)).rejects.toThrow('That is this very device')
      await expect(asked(vault.words, 'ffff')).rejects.toThrow(UsageError)
      expect((await listed(vault)).devices).toMatchObject([{ isAdmitted: true }])
    })
  })
})

function listed(vault: TestVault): Promise<DeviceList> {
  return vault.withClient((client, signal) => client.devices(signal))
}

function revoke(vault: TestVault, { device }: VaultDevice) {
  const request = { id: device.slice(0, 12), words: vault.words }
  return vault.withClient((client, signal) => client.revokeDevice(request, signal))
}

function vaultMembers({ devices }: DeviceList): { role: 'in' | 'out'; peer: string }[] {
  return devices.map(({ isAdmitted, peer }) => ({ role: isAdmitted ? 'in' : 'out', peer }))
}
