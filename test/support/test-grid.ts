/**
 * A grid to tell stories about: real peers and a real client on simulated machines.
 *
 * Peer 0 founds the grid. The laptop is the device of a vault; its recovery identity is admitted too.
 */

import {
  deriveVaultKeys,
  issueCertificate,
  peerIdOf,
  signingKeyFromSeed,
  type CertificateRole,
  type SigningKey,
  type VaultKeys,
} from '../../protocol/keys.ts'
import { packId, type PackId } from '../../protocol/manifest.ts'
import { signRelease, type ReleaseKind } from '../../protocol/release.ts'
import { sha256 } from '../../protocol/hash.ts'
import { signHead } from '../../protocol/head.ts'
import { deviceIdFromBytes, vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import { toHex, utf8 } from '../../protocol/bytes.ts'
import {
  gridIdFromBytes,
  signStatement,
  type GridId,
  type Role,
  type Statement,
} from '../../protocol/roster.ts'
import { encodePack, type EncodedPack } from '../../src/codec/encode-pack.ts'
import { Grid, type GridParts } from '../../src/grid/grid.ts'
import { RosterBook } from '../../src/grid/roster-book.ts'
import { startPeer, type PeerNode, type PeerOptions } from '../../src/node/peer-node.ts'
import type { PeerId } from '../../src/ports/network.ts'
import type { Machine, MachineOptions, Program } from '../../sim/machine.ts'
import { World } from '../../sim/world.ts'

export const forever = new AbortController().signal

export interface GridOptions {
  readonly peers: number
  readonly seed?: number
  /** Options of single peers, by number. */
  readonly each?: (index: number) => Partial<PeerOptions>
  /** Bytes the vault may keep at each peer. */
  readonly quota?: number
  /** What single peers' machines are like, by number. */
  readonly machine?: (index: number) => MachineOptions
}

export interface ReleaseOptions {
  readonly keys?: VaultKeys
  readonly key?: SigningKey
  readonly role?: CertificateRole
  readonly epoch?: number
  readonly kind?: ReleaseKind
  readonly packs?: readonly PackId[]
  /** In place of `chained(sequence)`. */
  readonly head?: Uint8Array
}

export interface TestPeer {
  readonly id: PeerId
  readonly key: SigningKey
  readonly machine: Machine
  node: PeerNode
  program: Program<void>
  /** Start it, after its machine was booted. */
  restart(): Promise<void>
}

export class TestGrid {
  readonly world: World
  readonly id: GridId
  readonly statements: Uint8Array[] = []
  readonly peers: TestPeer[] = []
  readonly laptop: Machine
  readonly keys = deriveVaultKeys(seedOf('a vault'))
  readonly device = signingKeyFromSeed(seedOf('a laptop'))
  readonly vault: VaultId
  readonly founder = signingKeyFromSeed(seedOf('peer 0'))
  readonly #options: GridOptions

  constructor(options: GridOptions) {
    this.#options = options
    this.world = new World(options.seed ?? 1)
    this.id = gridIdFromBytes(this.founder.publicKey)
    this.vault = vaultIdFromBytes(this.keys.vaultKey.publicKey)
    this.laptop = this.world.addMachine('laptop', { isReachable: false })
    for (let index = 0; index < options.peers; index += 1) this.#addPeer(index)
    const { quota } = options
    this.admit(peerIdOf(this.device.publicKey), 'device', {
      vault: this.vault,
      ...(quota === undefined ? {} : { quota }),
    })
    this.admit(peerIdOf(this.keys.recoveryKey.publicKey), 'recovery', { vault: this.vault })
  }

  /** Tell a story in virtual time, once all peers are up. */
  async tell(story: (grid: TestGrid) => Promise<void>): Promise<void> {
    const told = this.world.run(async () => {
      for (const peer of this.peers) await peer.restart()
      await story(this)
    })
    await told.finally(() => this.world.close())
  }

  admit(subject: PeerId, role: Role, more: Partial<Statement> = {}): Uint8Array {
    const issuer = peerIdOf(this.founder.publicKey)
    const issuedAt = Date.UTC(2025, 0, 1)
    const common = { version: 1, grid: this.id, type: 'admit', issuer, issuedAt } as const
    const statement = signStatement({ ...common, subject, role, ...more }, this.founder)
    this.statements.push(statement)
    return statement
  }

  /** A client on the laptop, or with another identity. */
  async client(
    key: SigningKey = this.device,
    machine: Machine = this.laptop,
    watch: Pick<GridParts, 'standings' | 'onLook' | 'onPuts' | 'onWrong'> = {},
  ): Promise<Grid> {
    const { clock, log, network } = machine.ports
    const roster = new RosterBook({
      grid: this.id,
      clock,
      statements: this.statements,
      save: () => Promise.resolve(),
    })
    return new Grid({ network: await network(key.seed), clock, log, roster, ...watch })
  }

  /**
   * A release, or another document of its kind, that names the head `chained(sequence)`.
   *
   * @param more - `keys`: of the vault that releases; `key`, `role`, `epoch`: of who signs
   */
  release(sequence: number, more: ReleaseOptions = {}): Uint8Array {
    const { keys = this.keys, kind = 'release', packs = [packId(utf8('no pack'))] } = more
    const { key = keys.pruneKey, role = 'prune', epoch = 1 } = more
    const device = deviceIdFromBytes(key.publicKey)
    const certificate = issueCertificate(keys.vaultKey, { device, role, epoch, issuedAt: 1 })
    const vault = vaultIdFromBytes(keys.vaultKey.publicKey)
    const id = sha256(more.head ?? this.chained(sequence))
    return signRelease({ vault, certificate, kind, head: { sequence, id }, packs }, key)
  }

  head(
    sequence: number,
    more: { writtenAt?: number; previous?: Uint8Array; epoch?: number } = {},
  ): Uint8Array {
    const device = deviceIdFromBytes(this.device.publicKey)
    const certificate = issueCertificate(this.keys.vaultKey, {
      device,
      epoch: more.epoch ?? 1,
      issuedAt: 1,
    })
    const { vault } = this
    const [root, ledger] = [utf8('a sealed root'), utf8('a sealed ledger')]
    const previous = more.previous ?? (sequence === 1 ? null : sha256(utf8('before')))
    const writtenAt = more.writtenAt ?? sequence
    const fields = { vault, certificate, device, sequence, previous, root, ledger, writtenAt }
    return signHead(fields, this.device)
  }

  /** A head that follows the one before, back to the first. */
  chained(sequence: number): Uint8Array {
    if (sequence === 1) return this.head(1)
    return this.head(sequence, { previous: sha256(this.chained(sequence - 1)) })
  }

  peer(id: PeerId | undefined): TestPeer {
    const found = this.peers.find((peer) => peer.id === id)
    if (found === undefined) throw new Error('no such peer')
    return found
  }

  #addPeer(index: number): void {
    const key = signingKeyFromSeed(seedOf(`peer ${index}`))
    const machine = this.world.addMachine(`peer-${index}`, this.#options.machine?.(index))
    const id = peerIdOf(key.publicKey)
    const addresses = machine.address === undefined ? [] : [machine.address]
    this.admit(id, 'peer', { addresses })
    const restart = async (): Promise<void> => {
      const started = Promise.withResolvers<void>()
      peer.program = machine.start(async (ports, signal) => {
        const network = await ports.network(key.seed)
        const database = ports.openDatabase('accounts')
        const { statements } = this
        const common = { key, grid: this.id, statements, capacity: 1e9, reserve: 0 }
        const options = { ...common, ...this.#options.each?.(index) }
        peer.node = await startPeer({ ...ports, network, database }, options, signal)
        started.resolve()
        await peer.node.stopped
      })
      peer.program.result.catch((error: unknown) => started.reject(error as Error))
      await started.promise
    }
    // Both are there once `restart` has run, which `tell` does first.
    const peer = { id, key, machine, restart } as TestPeer
    this.peers.push(peer)
  }
}

/** What to compare large bytes by: a failed comparison of the bytes themselves prints for minutes. */
export function digestOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? 'nothing' : `${bytes.length} bytes ${toHex(sha256(bytes))}`
}

export function seedOf(name: string): Uint8Array {
  return sha256(utf8(name))
}

/** Bytes that no two packs share. */
export function noise(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(size)
  let state = seed
  for (let index = 0; index < size; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[index] = state >>> 16
  }
  return bytes
}

export function makePack(
  size: number,
  code: { needed: number; total: number; leafSize?: number },
  seed = 1,
): EncodedPack & { readonly bytes: Uint8Array } {
  const bytes = noise(size, seed)
  return { ...encodePack(bytes, { leafSize: 4096, ...code }), bytes }
}
