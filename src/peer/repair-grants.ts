/**
 * Repair grants as a peer judges them: who may look after a vault's shares here, in place of its device.
 *
 * A grant counts for the peer that it names, for its own vault, until it ends by this peer's clock, and
 * as long as no newer device took the place of the one that its key was certified beside. What it is good
 * for is in permissions.ts. Signatures of the same bytes are checked once.
 */

import { toHex } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import type { Request, Response } from '../../protocol/messages.ts'
import { openRepairGrant, type OpenedRepairGrant } from '../../protocol/repair-grant.ts'
import type { Member } from '../../protocol/roster.ts'
import type { Clock } from '../ports/clock.ts'
import type { HeadStore } from '../store/head-store.ts'
import { refuse } from './answers.ts'
import { grantIn } from './permissions.ts'

/** Clocks of friends may differ by so much: a grant counts that much longer. */
export const GRANT_SKEW_MS = 24 * 3600_000

/** Grants kept open; a helper has one at a time for each vault. */
const OPENED_MAX = 64

export interface RepairGrantsParts {
  readonly clock: Clock
  readonly headStore: HeadStore
}

export class RepairGrants {
  readonly #parts: RepairGrantsParts
  /** By the hash of their bytes, the one used last at the end. */
  readonly #opened = new Map<string, OpenedRepairGrant>()

  constructor(parts: RepairGrantsParts) {
    this.#parts = parts
  }

  /**
   * @returns why the grant that a request shows does not count; `undefined` where it does
   * @throws {FormatError} if it is none, or its signatures do not hold
   */
  refusal(member: Member, request: Request): Response | undefined {
    const bytes = grantIn(request)
    if (bytes === undefined) return undefined
    const { vault, peer, epoch, expiresAt } = this.#open(bytes)
    const vaultAsked = vaultOf(request)
    if (peer !== member.peer) return refuse('not-admitted', 'the grant is for another peer')
    if (vaultAsked !== undefined && vaultAsked !== vault) {
      return refuse('not-admitted', 'the grant is for another vault')
    }
    if (this.#parts.clock.now() > expiresAt + GRANT_SKEW_MS) {
      return refuse('not-admitted', 'the grant has ended by the clock here')
    }
    if (epoch < (this.#parts.headStore.newest(vault)?.epoch ?? 0)) {
      return refuse('stale-head', 'the cap is of a device that another one has replaced')
    }
    return undefined
  }

  /** @returns the vault whose lease the request renews; `undefined` where it shows no grant */
  vaultOf(request: Request): VaultId | undefined {
    const bytes = grantIn(request)
    return bytes === undefined ? undefined : this.#open(bytes).vault
  }

  #open(bytes: Uint8Array): OpenedRepairGrant {
    const name = toHex(sha256(bytes))
    const opened = this.#opened.get(name) ?? openRepairGrant(bytes)
    this.#opened.delete(name)
    this.#opened.set(name, opened)
    const [oldest] = this.#opened.size > OPENED_MAX ? this.#opened.keys() : []
    if (oldest !== undefined) this.#opened.delete(oldest)
    return opened
  }
}

function vaultOf(request: Request): VaultId | undefined {
  return request.type === 'put' || request.type === 'adopt'
    ? vaultIdFromBytes(request.vault)
    : undefined
}
