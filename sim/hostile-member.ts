/**
 * Hostile member: somebody the grid admitted who means harm, with a vault and papers of its own.
 */

import { sha256 } from '../protocol/hash.ts'
import { concat, utf8 } from '../protocol/bytes.ts'
import { encodeFrame } from '../protocol/frame.ts'
import { signHead } from '../protocol/head.ts'
import {
  deviceIdFromBytes,
  vaultIdFromBytes,
  vaultIdToBytes,
  type VaultId,
} from '../protocol/ids.ts'
import {
  deriveVaultKeys,
  issueCertificate,
  peerIdOf,
  signingKeyFromSeed,
  type SigningKey,
  type VaultKeys,
} from '../protocol/keys.ts'
import { packIdToBytes } from '../protocol/manifest.ts'
import { encodeRequest, type Request, type RequestOf } from '../protocol/messages.ts'
import { signRelease } from '../protocol/release.ts'
import { signStatement, type GridId } from '../protocol/roster.ts'
import { encodePack, type EncodedPack } from '../src/codec/encode-pack.ts'
import type { ByteStream, PeerId } from '../src/ports/network.ts'
import type { SimRandom } from './random.ts'

/** A pack of this size gives pieces of half of it: a few reads' worth. */
const PACK_SIZE = 400_000

export class HostileMember {
  readonly key: SigningKey
  readonly keys: VaultKeys
  readonly vault: VaultId
  readonly peer: PeerId
  readonly grid: GridId
  readonly pack: EncodedPack

  constructor(grid: GridId, random: SimRandom) {
    this.grid = grid
    this.key = signingKeyFromSeed(random.bytes(32))
    this.keys = deriveVaultKeys(random.bytes(32))
    this.vault = vaultIdFromBytes(this.keys.vaultKey.publicKey)
    this.peer = peerIdOf(this.key.publicKey)
    const code = { needed: 2, total: 3, leafSize: 4096 }
    this.pack = encodePack(random.bytes(PACK_SIZE), code)
  }

  /** Of share 0. */
  get piece(): Uint8Array {
    return this.pack.pieces[0]!
  }

  put(shareNumber = 0): RequestOf<'put'> {
    const vault = vaultIdToBytes(this.vault)
    const bodySize = this.piece.length
    return { type: 'put', vault, manifest: this.pack.manifestBytes, shareNumber, bodySize }
  }

  read(first: number, count: number): RequestOf<'read'> {
    return { type: 'read', pack: packIdToBytes(this.pack.id), shareNumber: 0, first, count }
  }

  /** @param note - makes it another head for the same place */
  head(sequence: number, note = 0): Uint8Array {
    const device = deviceIdFromBytes(this.key.publicKey)
    const certificate = issueCertificate(this.keys.vaultKey, { device, epoch: 1, issuedAt: 1 })
    const previous = sequence === 1 ? null : sha256(utf8(`before ${note}`))
    const fields = { vault: this.vault, certificate, device, sequence, previous, writtenAt: note }
    return signHead({ ...fields, root: utf8('a root'), ledger: utf8('a ledger') }, this.key)
  }

  /** Of its own pack, under a head that peers may keep or not. */
  release(): Uint8Array {
    const { vault, keys } = this
    const device = deviceIdFromBytes(keys.pruneKey.publicKey)
    const about = { device, role: 'prune', epoch: 1, issuedAt: 1 } as const
    const certificate = issueCertificate(keys.vaultKey, about)
    const head = { sequence: 1, id: sha256(this.head(1)) }
    const packs = [this.pack.id]
    return signRelease({ vault, certificate, kind: 'release', head, packs }, keys.pruneKey)
  }

  /** One of every kind, all of them well made. */
  requests(random: SimRandom): Request[] {
    const vault = vaultIdToBytes(this.vault)
    const packs = [packIdToBytes(this.pack.id)]
    return [
      { type: 'status' },
      this.put(random.below(3)),
      { type: 'have', packs, manifests: random.chance(0.5) },
      this.read(random.below(60), random.between(1, 256)),
      { type: 'adopt', vault, packs, head: random.below(2 ** 40) },
      { type: 'publish', head: this.head(random.between(1, 3000), random.u32()) },
      { type: 'release', document: this.release() },
      { type: 'heads', vault, all: random.chance(0.5) },
      { type: 'roster', statements: this.strangers(random, 3) },
      { type: 'news', statements: this.strangers(random, 3) },
      { type: 'forgo', vault, head: random.below(2 ** 40) },
      { type: 'account', vault },
      { type: 'credits', credits: [random.bytes(300)], known: random.chance(0.5) ? null : [] },
      { type: 'holdings' },
      { type: 'seen', peers: [this.key.publicKey] },
    ]
  }

  /** Statements that hold and help nobody: strangers about themselves. */
  strangers(random: SimRandom, count: number): Uint8Array[] {
    return Array.from({ length: count }, () => {
      const stranger = signingKeyFromSeed(random.bytes(32))
      const subject = peerIdOf(stranger.publicKey)
      const issuedAt = random.u32()
      const common = { version: 1, grid: this.grid, issuer: subject, subject, issuedAt } as const
      const addresses = [`/ip4/10.9.9.9/tcp/${random.between(1, 60_000)}`]
      return signStatement({ ...common, type: 'addresses', addresses }, stranger)
    })
  }

  /** Have share 0 kept by the peer, to read it again and again. */
  async store({ open }: { open: () => Promise<ByteStream> }): Promise<void> {
    const stream = await open()
    await stream.write(concat(encodeFrame(encodeRequest(this.put())), ...bodyFrames(this.piece)))
    await stream.end()
    for await (const _ of stream.source);
  }
}

/** A body as peers take it. */
export function bodyFrames(body: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let from = 0; from < body.length; from += FRAME) {
    frames.push(encodeFrame(body.subarray(from, from + FRAME)))
  }
  return frames
}

const FRAME = 256 * 1024
