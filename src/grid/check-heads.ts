/** Checking heads: what peers say of heads counts only if it is about the heads meant. */

import { equal } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import { openHead, openReceipt } from '../../protocol/head.ts'
import type { VaultId } from '../../protocol/ids.ts'
import type { PeerId } from '../ports/network.ts'

/** @throws {FormatError} unless the receipt is the peer's for this head */
export function checkReceipt(receipt: Uint8Array, peer: PeerId, head: Uint8Array): void {
  const { vault, sequence, id } = openHead(head)
  const said = openReceipt(receipt)
  const isForHead =
    said.peer === peer &&
    said.vault === vault &&
    said.sequence === sequence &&
    equal(said.headId, id)
  if (!isForHead) throw new FormatError(`${peer}: a receipt for something else`)
}

/** @throws {FormatError} unless all are heads of the vault with the peer's receipts for them */
export function checkHeads(
  heads: readonly { readonly head: Uint8Array; readonly receipt: Uint8Array }[],
  peer: PeerId,
  vault: VaultId,
): void {
  for (const { head, receipt } of heads) {
    const [opened, said] = [openHead(head), openReceipt(receipt)]
    const isGood = opened.vault === vault && said.peer === peer && equal(said.headId, opened.id)
    if (!isGood) throw new FormatError(`${peer}: a head or receipt of something else`)
  }
}
