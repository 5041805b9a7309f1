import { describe, expect, it } from 'vitest'
import { encodeCbor } from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import { issueCertificate, openCertificate } from '../../protocol/keys.ts'
import { newDevice, repairCapOf, RepairKeyMissingError } from '../../src/node/vault.ts'
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
  pruneCertificate: issueCertificate(keys.vaultKey, {
    device: deviceIdFromBytes(keys.pruneKey.publicKey),
    epoch: 1,
    issuedAt: 5,
    role: 'prune',
  }),
  repair: {
    key: device.key,
    certificate: issueCertificate(keys.vaultKey, {
      device: deviceIdFromBytes(device.key.publicKey),
      epoch: 1,
      issuedAt: 5,
      role: 'repair',
    }),
  },
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

  it('of a Cairn that released nothing opens without a certificate for the prune key', async () => {
    await onMachine(async ({ disk }) => {
      const { pruneCertificate: _, ...old } = keyring
      await createKeyring(disk, old)
      const opened = await readKeyring(disk)
      expect(opened).toEqual(old)
      expect('pruneCertificate' in opened).toBe(false)
    })
  })

  it('of a Cairn that had no helpers opens without a repair key', async () => {
    await onMachine(async ({ disk }) => {
      const { repair: _, ...old } = keyring
      await createKeyring(disk, old)
      const opened = await readKeyring(disk)
      expect(opened).toEqual(old)
      expect(() => repairCapOf(opened)).toThrow(RepairKeyMissingError)
    })
  })

  it('of a new device comes with certificates for its key, the prune key and a repair key of its own', async () => {
    await onMachine(async (ports) => {
      const made = newDevice(keys, 3, ports)
      const { pruneCertificate } = made
      const pruner = deviceIdFromBytes(keys.pruneKey.publicKey)
      const expected = { vault, device: pruner, role: 'prune', epoch: 3 }
      expect(openCertificate(pruneCertificate, vault)).toMatchObject(expected)
      expect(certificateOf(made)).toMatchObject({ vault, role: 'device', epoch: 3 })
      const repairer = deviceIdFromBytes(made.repair!.key.publicKey)
      expect(openCertificate(made.repair!.certificate, vault)).toMatchObject({
        device: repairer,
        role: 'repair',
        epoch: 3,
      })
      const next = newDevice(keys, 4, ports)
      expect(next.repair!.key.publicKey).not.toEqual(made.repair!.key.publicKey)
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

  it('K11: that is absent is told from one that is damaged, and neither is written over', async () => {
    await onMachine(async ({ disk }, { volume }) => {
      await expect(readKeyring(disk)).rejects.toBeInstanceOf(VaultNotFoundError)
      await createKeyring(disk, keyring)
      const node = volume.node('keys/keyring')
      if (node instanceof VolumeFile) node.rot(800)
      await expect(readKeyring(disk)).rejects.toBeInstanceOf(KeyringDamagedError)
      await expect(createKeyring(disk, keyring)).rejects.toBeInstanceOf(VaultExistsError)
    })
  })

  it('K11: cut short at any byte is damaged, stays as it is, and nothing takes its place', async () => {
    await onMachine(async ({ disk }, machine) => {
      await createKeyring(disk, keyring)
      const whole = machine.volume.save()
      const [file] = whole
      for (let size = 0; size < (file?.bytes.length ?? 0); size += 7) {
        const cut = { path: file?.path ?? '', bytes: file!.bytes.slice(0, size) }
        machine.volume.become([cut])
        await expect(readKeyring(disk)).rejects.toThrow(/damaged: move it aside/)
        await expect(createKeyring(disk, keyring)).rejects.toBeInstanceOf(VaultExistsError)
        expect(machine.volume.save()).toEqual([cut])
      }
      machine.volume.become(whole)
      expect(await readKeyring(disk)).toEqual(keyring)
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
