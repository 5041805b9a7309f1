/** Valid values of the formats, for tests and vectors to start from. */

import { vaultIdFromBytes } from '../../protocol/ids.ts'
import { encodeManifest, packId, packIdToBytes, pieceSize } from '../../protocol/manifest.ts'
import type { Manifest } from '../../protocol/manifest.ts'
import { MerkleTree } from '../../protocol/merkle.ts'
import type { Request, Response } from '../../protocol/messages.ts'
import { sample } from '../vectors/format.ts'

export const VAULT_BYTES = sample(32, 11)
export const VAULT = vaultIdFromBytes(VAULT_BYTES)

export const KEY = sample(32, 12)

/** Roots that stand for any roots. */
export function sampleRoots(total: number): Uint8Array[] {
  return Array.from({ length: total }, (_, index) => sample(32, 100 + index))
}

export const MANIFEST: Manifest = {
  version: 1,
  needed: 3,
  total: 5,
  size: 100_001,
  leafSize: 4096,
  roots: sampleRoots(5),
}

export const MANIFEST_BYTES = encodeManifest(MANIFEST)
export const PACK_BYTES = packIdToBytes(packId(MANIFEST_BYTES))

/** A pack of one piece (needed 1): the manifest and the tree of share 0. */
export function singlePiece(
  piece: Uint8Array,
  leafSize = 4096,
): { manifest: Manifest; tree: MerkleTree } {
  const tree = MerkleTree.ofShare(0, piece, leafSize)
  const roots = [tree.root]
  return {
    manifest: { version: 1, needed: 1, total: 1, size: piece.length, leafSize, roots },
    tree,
  }
}

/** One of each type. */
export const REQUESTS: { readonly [Type in Request['type']]: Request & { readonly type: Type } } = {
  status: { type: 'status' },
  put: {
    type: 'put',
    vault: VAULT_BYTES,
    manifest: MANIFEST_BYTES,
    shareNumber: 4,
    bodySize: pieceSize(MANIFEST),
  },
  have: { type: 'have', packs: [PACK_BYTES], manifests: true },
  read: { type: 'read', pack: PACK_BYTES, shareNumber: 2, first: 3, count: 4 },
  adopt: { type: 'adopt', vault: VAULT_BYTES, packs: [PACK_BYTES], head: 17 },
  renew: { type: 'renew', repair: sample(300, 18) },
  forgo: { type: 'forgo', vault: VAULT_BYTES, head: 17 },
  publish: { type: 'publish', head: sample(300, 13) },
  release: { type: 'release', document: sample(400, 17) },
  heads: { type: 'heads', vault: VAULT_BYTES, all: false },
  roster: { type: 'roster', statements: [sample(200, 14), sample(100, 15)] },
  account: { type: 'account', vault: VAULT_BYTES },
  credits: { type: 'credits', credits: [sample(700, 19)], known: [sample(16, 20)] },
  holdings: { type: 'holdings' },
  seen: { type: 'seen', peers: [sample(32, 18), sample(32, 19)] },
  news: { type: 'news', statements: [sample(200, 14)] },
  join: { type: 'join', invite: sample(16, 18), wish: sample(120, 19), proof: sample(32, 20) },
  reach: { type: 'reach' },
  'dial-back': {
    type: 'dial-back',
    addresses: ['/ip4/203.0.113.7/tcp/4280', '/ip6/2001:db8::7/tcp/4280'],
  },
}

/** One of each type. */
export const RESPONSES: {
  readonly [Type in Response['type']]: Response & { readonly type: Type }
} = {
  status: { type: 'status', capacity: 10 ** 12, free: 10 ** 11, used: 0, now: 1_700_000_000_000 },
  go: { type: 'go' },
  stored: { type: 'stored' },
  held: { type: 'held' },
  have: { type: 'have', shares: [[0, 4], []], manifests: [MANIFEST_BYTES, null] },
  leaves: { type: 'leaves', proof: sampleRoots(3), bodySize: 16_384 },
  renewed: { type: 'renewed' },
  adopted: { type: 'adopted', count: 2 },
  forgone: { type: 'forgone', count: 2, bytes: 67_000 },
  released: { type: 'released', count: 3, bytes: 100_500, refused: 1 },
  receipt: { type: 'receipt', receipt: sample(150, 16) },
  heads: { type: 'heads', heads: [{ head: sample(300, 13), receipt: sample(150, 16) }] },
  roster: { type: 'roster', statements: [] },
  account: { type: 'account', account: sample(220, 21) },
  credits: { type: 'credits', credits: [sample(700, 22), sample(690, 23)] },
  holdings: { type: 'holdings', vaults: [{ vault: VAULT_BYTES, bytes: 12_000_000_000 }] },
  seen: { type: 'seen', ages: [3_600_000, null] },
  heard: { type: 'heard', count: 1, digest: sample(32, 21) },
  joining: { type: 'joining', state: 'admitted', statements: [sample(200, 14)] },
  reach: {
    type: 'reach',
    verdict: 'closed',
    relays: [sample(32, 18)],
    links: [
      { peer: sample(32, 18), way: 'ip4', inbound: false, age: 0 },
      { peer: sample(32, 19), way: 'relay', relay: sample(32, 18), inbound: true, age: 75 },
    ],
  },
  dialled: { type: 'dialled', address: '/ip4/203.0.113.7/tcp/4280' },
  error: { type: 'error', code: 'full', message: 'no space for 33,334 bytes' },
}
