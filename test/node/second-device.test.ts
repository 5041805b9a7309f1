import { describe, expect, it } from 'vitest'
import { utf8 } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { signHead } from '../../protocol/head.ts'
import { PeerRefusedError } from '../../src/base/errors.ts'
import { PeerSession } from '../../src/grid/peer-session.ts'
import { certificateOf, readKeyring, type Keyring } from '../../src/store/keyring.ts'
import { TestVault, noise } from '../support/test-vault.ts'

describe('a device whose place another has taken', () => {
  it('K12: is told so before it sends anything, and still restores', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      vault.write('first', noise(20_000, 1))
      await vault.backUp()
      const replaced = vault.laptop
      await vault.recoverElsewhere()
      vault.write('second', noise(20_000, 2))
      expect((await vault.backUp()).published).toBe(true)
      const picture = vault.picture()

      replaced.boot()
      vault.laptop = replaced
      vault.write('third', noise(20_000, 3))
      await expect(vault.backUp()).rejects.toMatchObject({ name: 'DeviceReplacedError' })
      expect(await vault.differences('latest', picture)).toEqual([])
    })
  })

  it('K12: cannot keep a peer for itself by heads that the new device never saw', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      vault.write('first', noise(20_000, 1))
      await vault.backUp()
      const stolen = await vault.laptop.run(({ disk }) => readKeyring(disk))
      const victim = vault.friends.all[4]!
      const publish = (sequence: number) =>
        vault.laptop.run(async (ports, signal) => {
          const network = await ports.network(stolen.device.seed)
          const addresses = () => [victim.machine.address ?? '']
          const parts = { network, clock: ports.clock, addresses }
          const session = new PeerSession(vault.friends.peerOf(victim), parts)
          const outcome = await session.publish(forgedHead(stolen, sequence), signal).then(
            () => 'kept',
            (error: unknown) => (error instanceof PeerRefusedError ? error.code : String(error)),
          )
          await network.close()
          return outcome
        })
      expect(await publish(600)).toBe('kept')
      vault.friends.crash(victim)
      const thief = vault.laptop
      await vault.recoverElsewhere()
      vault.write('second', noise(20_000, 2))
      expect((await vault.backUp()).sequence).toBe(2)
      vault.startFriends()
      await vault.calm()
      vault.write('third', noise(20_000, 3))
      const above = await vault.backUp()
      expect(above).toMatchObject({ published: true, sequence: 601 })
      const { peers } = await vault.withClient((client, signal) => client.heads(signal))
      expect(peers.map(({ verdict }) => verdict)).toEqual(Array(5).fill('current'))
      const mine = vault.laptop
      thief.boot()
      vault.laptop = thief
      expect(await publish(602)).toBe('stale-head')
      vault.laptop = mine
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    })
  })
})

/** As a thief makes one who has the keys of a device. */
function forgedHead(stolen: Keyring, sequence: number): Uint8Array {
  const { vault, certificate, device } = stolen
  const [root, ledger, previous] = [utf8('a root'), utf8('a ledger'), sha256(utf8('before'))]
  const by = certificateOf(stolen).device
  const fields = { vault, certificate, device: by, sequence, previous, root, ledger, writtenAt: 1 }
  return signHead(fields, device)
}
