import { describe, expect, it } from 'vitest'
import { encodeCbor } from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import { VolumeFile } from '../../sim/volume.ts'
import {
  KeyringDamagedError,
  VaultExistsError,
  VaultNotFoundError,
  assertNoKeyring,
  certificateOf,
  createKeyring,
  readKeyring,
  type Keyring,
} from '../../src/store/keyring.ts'
import { writeWhole } from '../../src/store/whole-file.ts'
import { vaultPapers } from '../protocol/people.ts'
import { onMachine } from '../support/on-machine.ts'

const { vault, keys, device, certificate, recovery } = vaultPapers(3)
const keyring: Keyring = {
  vault,
  device: device.key,
  certificate,
  readSecret: keys.readSecret,
  ledgerKey: keys.ledgerKey,
  pruneKey: keys.pruneKey,
  recovery: recovery.peer,
}

describe('a keyring', () => {
  it('comes back as it was made', async () => {
    await onMachine(async ({ disk }) => {
      await assertNoKeyring(disk)
      await createKeyring(disk, keyring)
      expect(await readKeyring(disk)).toEqual(keyring)
      expect(certificateOf(keyring)).toMatchObject({ vault, epoch: 1 })
    })
  })

  it('is never written over', async () => {
    await onMachine(async ({ disk }) => {
      await createKeyring(disk, keyring)
      const other = { ...keyring, readSecret: new Uint8Array(32) }
      await expect(createKeyring(disk, other)).rejects.toBeInstanceOf(VaultExistsError)
      await expect(assertNoKeyring(disk)).rejects.toBeInstanceOf(VaultExistsError)
      expect(await readKeyring(disk)).toEqual(keyring)
    })
  })

  it('that is absent is told from one that is damaged, and neither is written over', async () => {
    await onMachine(async ({ disk }, { volume }) => {
      await expect(readKeyring(disk)).rejects.toBeInstanceOf(VaultNotFoundError)
      await createKeyring(disk, keyring)
      const node = volume.node('keys/keyring')
      if (node instanceof VolumeFile) node.rot(800)
      await expect(readKeyring(disk)).rejects.toBeInstanceOf(KeyringDamagedError)
      await expect(createKeyring(disk, keyring)).rejects.toBeInstanceOf(VaultExistsError)
    })
  })

  it('of another version is no keyring', async () => {
    await onMachine(async ({ disk }) => {
      await writeWhole(disk, 'keys/keyring', encodeCbor({ version: 2 }))
      await expect(readKeyring(disk)).rejects.toBeInstanceOf(FormatError)
    })
  })

  it('holds nothing that leads back to the words', async () => {
    await onMachine(async ({ disk }, { volume }) => {
      await createKeyring(disk, keyring)
      const stored = volume.files().map(({ file }) => Buffer.from(file.read(0, file.size)))
      const secrets = [keys.vaultKey.seed, keys.recoveryKey.seed]
      for (const secret of secrets) expect(stored.some((one) => one.includes(secret))).toBe(false)
    })
  })
})
