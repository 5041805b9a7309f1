/**
 * Newcomers: somebody with an invite code, and the friend who gave it, on simulated machines.
 */

import { decodeInviteCode } from '../../protocol/invite-code.ts'
import {
  deriveVaultKeys,
  issueCertificate,
  peerIdOf,
  signingKeyFromSeed,
  type SigningKey,
} from '../../protocol/keys.ts'
import { deviceIdFromBytes, vaultIdFromBytes } from '../../protocol/ids.ts'
import type { DeviceWish, PeerWish, Wish } from '../../protocol/join.ts'
import type { Machine } from '../../sim/machine.ts'
import { joinByCode } from '../../src/node/join-by-code.ts'
import type { PeerNode } from '../../src/node/peer-node.ts'
import type { InviteOptions, InviteView } from '../../src/peer/invite-desk.ts'
import type { GridFile } from '../../src/store/grid-file.ts'
import { forever, seedOf, type TestGrid, type TestPeer } from './test-grid.ts'

export const DAY_MS = 86_400_000

/** Ask a peer for a code. */
export async function invite(
  { node, machine }: TestPeer,
  options: Partial<InviteOptions> = {},
): Promise<{ id: string; code: string }> {
  const expiresAt = machine.ports.clock.now() + DAY_MS
  return await node.invites.create({ expiresAt, isAutomatic: false, ...options })
}

/** A try to come in. */
export interface Coming {
  /** What the newcomer was shown. */
  readonly words: Promise<readonly string[]>
  readonly joined: Promise<GridFile>
}

export function comeIn(machine: Machine, code: string, wish: Wish): Coming {
  const words = Promise.withResolvers<readonly string[]>()
  const joined = machine.run((ports, signal) =>
    joinByCode(ports, decodeInviteCode(code), wish, (shown) => words.resolve(shown), signal),
  )
  joined.catch((error: unknown) => words.reject(error as Error))
  words.promise.catch(() => undefined)
  return { words: words.promise, joined }
}

/** @returns the invite as its giver sees it once somebody came, or it is over */
export async function seen(node: PeerNode, id: string): Promise<InviteView> {
  for (;;) {
    const changed = node.invites.nextChange()
    const view = node.invites.find(id)
    if (view !== undefined && view.state !== 'open') return view
    await changed
  }
}

/** Say yes or no once somebody came. @returns the words that were shown */
export async function decide(
  node: PeerNode,
  id: string,
  isWelcome: boolean,
): Promise<readonly string[]> {
  const { newcomer } = await seen(node, id)
  await node.invites.decide(id, isWelcome)
  return newcomer?.words ?? []
}

export function keyOf(name: string): SigningKey {
  return signingKeyFromSeed(seedOf(name))
}

export function peerWish(name: string, machine?: Machine): PeerWish {
  const address = machine?.address
  const peer = peerIdOf(keyOf(name).publicKey)
  return { as: 'peer', peer, name, addresses: address === undefined ? [] : [address] }
}

export function deviceWish(name: string): DeviceWish {
  const keys = deriveVaultKeys(seedOf(`vault of ${name}`))
  const device = keyOf(name)
  return {
    as: 'device',
    device: peerIdOf(device.publicKey),
    recovery: peerIdOf(keys.recoveryKey.publicKey),
    vault: vaultIdFromBytes(keys.vaultKey.publicKey),
    certificate: issueCertificate(keys.vaultKey, {
      device: deviceIdFromBytes(device.publicKey),
      epoch: 1,
      issuedAt: 1,
    }),
    name,
  }
}

/** How many of the other peers know this member. */
export function knowing(test: TestGrid, wish: Wish): number {
  const subject = wish.as === 'peer' ? wish.peer : wish.device
  return test.peers.filter(({ machine, node }) => machine.isUp && node.roster.isAdmitted(subject))
    .length
}

export { forever }
