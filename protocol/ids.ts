/**
 * Identities of vaults and devices: Ed25519 public keys, as lower-case hex in the program and as 32
 * bytes on the wire and on disk.
 */

import { fromHex, toHex } from './bytes.ts'
import { FormatError } from './errors.ts'

/** Bytes of an identity. */
export const ID_SIZE = 32

const ID_TEXT = /^[0-9a-f]{64}$/

/** A vault: the public half of its vault key, hex. */
export type VaultId = string & { readonly brand: 'VaultId' }

/** A device: the public half of the key that signs its heads, hex. */
export type DeviceId = string & { readonly brand: 'DeviceId' }

/** @throws {FormatError} unless there are 32 bytes */
export function vaultIdFromBytes(bytes: Uint8Array): VaultId {
  const id = toHex(bytes)
  if (!isVaultId(id)) throw new FormatError(`a vault's id has 32 bytes, not ${bytes.length}`)
  return id
}

/** @throws {FormatError} if the text is no identity */
export function vaultIdToBytes(id: VaultId): Uint8Array {
  return idBytes(id)
}

/** @throws {FormatError} unless there are 32 bytes */
export function deviceIdFromBytes(bytes: Uint8Array): DeviceId {
  const id = toHex(bytes)
  if (!isDeviceId(id)) throw new FormatError(`a device's id has 32 bytes, not ${bytes.length}`)
  return id
}

/** @throws {FormatError} if the text is no identity */
export function deviceIdToBytes(id: DeviceId): Uint8Array {
  return idBytes(id)
}

/** Is this the text of an identity? */
export function isVaultId(text: string): text is VaultId {
  return ID_TEXT.test(text)
}

/** Is this the text of an identity? */
export function isDeviceId(text: string): text is DeviceId {
  return ID_TEXT.test(text)
}

function idBytes(text: string): Uint8Array {
  const bytes = fromHex(text)
  if (bytes.length !== ID_SIZE) throw new FormatError(`an id has 32 bytes, not ${bytes.length}`)
  return bytes
}
