/**
 * Receipts: a peer's signed word that it keeps a head since a moment of its own clock.
 *
 * Receipts are the witnesses of a vault's order: whoever holds one can show which head a peer has
 * seen, and ages for retention come from what several peers say, never from the laptop's clock.
 *
 * Format: docs/formats/head.md, "receipts"
 */

import { z } from 'zod'
import { bytesField, check, decodeCbor, encodeCbor, integer } from './cbor.ts'
import { FormatError } from './errors.ts'
import { vaultIdFromBytes, vaultIdToBytes, type VaultId } from './ids.ts'
import { HEAD_ID_SIZE, SEQUENCE_MAX, TIME_MAX } from './limits.ts'
import { peerIdOf, publicKeyOf, type PeerId } from './peer-id.ts'
import { checkSignature, signDocument, splitDocument } from './signed.ts'
import type { SigningKey } from './signing.ts'

/** Bytes in a whole receipt, at most. */
export const RECEIPT_SIZE_MAX = 512

const KIND = { magic: 'cairnrc1', sizeMax: RECEIPT_SIZE_MAX }

export interface Receipt {
  readonly vault: VaultId
  readonly sequence: number
  /** 32 bytes: the id of the head. */
  readonly headId: Uint8Array
  /** Milliseconds since 1970, by the peer's clock: when the head was first kept. */
  readonly receivedAt: number
  /** Who signs. */
  readonly peer: PeerId
}

const schema = z.strictObject({
  vault: bytesField(32, 32),
  sequence: integer(1, SEQUENCE_MAX),
  headId: bytesField(HEAD_ID_SIZE, HEAD_ID_SIZE),
  receivedAt: integer(0, TIME_MAX),
  peer: bytesField(32, 32),
})

/**
 * @param peerKey - the key of the peer's libp2p identity
 * @throws {FormatError} for values out of range, or another peer's key
 */
export function signReceipt(receipt: Receipt, peerKey: SigningKey): Uint8Array {
  if (receipt.peer !== peerIdOf(peerKey.publicKey)) {
    throw new FormatError('receipt: the key belongs to another peer')
  }
  const body = {
    vault: vaultIdToBytes(receipt.vault),
    sequence: receipt.sequence,
    headId: receipt.headId,
    receivedAt: receipt.receivedAt,
    peer: publicKeyOf(receipt.peer),
  }
  return signDocument(KIND, encodeCbor(check(body, schema, 'receipt')), peerKey)
}

/**
 * @throws {WrongSignerError} unless the peer it names signed it
 * @throws {FormatError} for other bytes or values out of range
 */
export function openReceipt(bytes: Uint8Array): Receipt {
  const document = splitDocument(KIND, bytes)
  const body = decodeCbor(document.body, schema, { format: 'receipt', sizeMax: RECEIPT_SIZE_MAX })
  checkSignature(KIND, document, body.peer)
  return {
    vault: vaultIdFromBytes(body.vault),
    sequence: body.sequence,
    headId: body.headId,
    receivedAt: body.receivedAt,
    peer: peerIdOf(body.peer),
  }
}
