/**
 * Identities of vaults and devices: Ed25519 public keys, as lower-case hex in the program and as 32
 * bytes on the wire and on disk.
 */

import { fromHex, toHex } from './bytes.ts'
import { FormatError } from './errors.ts'

/** Bytes of an identity. */
export const ID_SIZE = 32

/** A vault: the public half of its vault key, hex. */
export type VaultId = string & { readonly brand: 'VaultId' }

/** A device: the public half of the key that signs its heads, hex. */
export type DeviceId = string & { readonly brand: 'DeviceId' }

/** @throws {FormatError} unless there are 32 bytes */
export function vaultIdFromBytes(bytes: Uint8Array): VaultId {
  return idText(bytes) as VaultId
}

/** @throws {FormatError} if the text is no identity */
export function vaultIdToBytes(id: VaultId): Uint8Array {
  return idBytes(id)
}

/** @throws {FormatError} unless there are 32 bytes */
export function deviceIdFromBytes(bytes: Uint8Array): DeviceId {
  return idText(bytes) as DeviceId
}

/** @throws {FormatError} if the text is no identity */
export function deviceIdToBytes(id: DeviceId): Uint8Array {
  return idBytes(id)
}

function idText(bytes: Uint8Array): string {
  if (bytes.length !== ID_SIZE) throw new FormatError(`an id has 32 bytes, not ${bytes.length}`)
  return toHex(bytes)
}

function idBytes(text: string): Uint8Array {
  const bytes = fromHex(text)
  if (bytes.length !== ID_SIZE) throw new FormatError(`an id has 32 bytes, not ${bytes.length}`)
  return bytes
}
