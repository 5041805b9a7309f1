/** People of a grid who store and lend: a vault and a device each, and credits as their devices sign them. */

import { openAccount, signCredit, averageOf } from '../../protocol/account.ts'
import { deviceIdFromBytes, vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import {
  deriveVaultKeys,
  issueCertificate,
  peerIdOf,
  signingKeyFromSeed,
  type SigningKey,
} from '../../protocol/keys.ts'
import { PeerRefusedError } from '../../src/base/errors.ts'
import { PeerSession } from '../../src/grid/peer-session.ts'
import type { Statement } from '../../protocol/roster.ts'
import { forever, seedOf, type makePack, type TestGrid, type TestPeer } from './test-grid.ts'

export type TestPack = ReturnType<typeof makePack>

export class FairPerson {
  readonly vault: VaultId
  readonly device: SigningKey
  readonly certificate: Uint8Array
  readonly #test: TestGrid
  readonly #sessions = new Map<TestPeer, PeerSession>()

  /** Admitted as a member of the grid. */
  constructor(test: TestGrid, name: string, more: Partial<Statement> = {}) {
    this.#test = test
    const keys = deriveVaultKeys(seedOf(`vault of ${name}`))
    this.vault = vaultIdFromBytes(keys.vaultKey.publicKey)
    this.device = signingKeyFromSeed(seedOf(`device of ${name}`))
    this.certificate = issueCertificate(keys.vaultKey, {
      device: deviceIdFromBytes(this.device.publicKey),
      epoch: 1,
      issuedAt: 1,
    })
    test.admit(peerIdOf(this.device.publicKey), 'device', { vault: this.vault, ...more })
  }

  async session(peer: TestPeer): Promise<PeerSession> {
    const known = this.#sessions.get(peer)
    if (known !== undefined) {
      known.forgive()
      return known
    }
    const { clock, network } = this.#test.laptop.ports
    const addresses = () => [peer.machine.address ?? '']
    const parts = { network: await network(this.device.seed), clock, addresses }
    const session = new PeerSession(peer.id, parts)
    this.#sessions.set(peer, session)
    return session
  }

  /** Store one share of a pack. @returns the outcome, or the code and words of the refusal */
  async put(
    peer: TestPeer,
    pack: TestPack,
    { shareNumber = 0, isTidying = false } = {},
  ): Promise<string> {
    const put = { vault: this.vault, manifest: pack.manifestBytes, shareNumber, isTidying }
    const session = await this.session(peer)
    try {
      return await session.put({ ...put, piece: pack.pieces[shareNumber]! }, forever)
    } catch (error) {
      if (error instanceof PeerRefusedError) return `${error.code}: ${error.message}`
      throw error
    }
  }

  /** Ask a peer for its account and vouch for it. */
  async vouch(peer: TestPeer, more: { bytes?: number; passed?: number; issuedAt?: number } = {}) {
    const account = await (await this.session(peer)).account(this.vault, forever)
    const bytes = averageOf(openAccount(account))
    const issuedAt = this.#test.laptop.ports.clock.now()
    const words = { bytes, passed: 1, failed: 0, issuedAt, ...more }
    return signCredit({ account, certificate: this.certificate, ...words }, this.device)
  }

  async tell(peer: TestPeer, credits: readonly Uint8Array[]): Promise<void> {
    await (await this.session(peer)).credits(credits, null, forever)
  }
}

/** Days go by; peers are switched off in between, since hourly gossip of months takes long to simulate. */
export async function passDays(test: TestGrid, days: number): Promise<void> {
  for (let left = days; left > 0; left -= 2) {
    for (const { machine } of test.peers) machine.crash('kill')
    await test.world.scheduler.sleep(Math.min(2, left) * 24 * 3600_000)
    for (const peer of test.peers) {
      peer.machine.boot()
      await peer.restart()
    }
    await test.world.scheduler.sleep(60_000)
  }
}
