/**
 * What check, audit and repair are built from, over a test grid: lists and books in memory, friends as the
 * story says they stand, and peers that lie.
 */

import { concat } from '../../protocol/bytes.ts'
import { decodeFrames, encodeFrame } from '../../protocol/frame.ts'
import { packIdFromBytes, type PackId } from '../../protocol/manifest.ts'
import { MerkleTree } from '../../protocol/merkle.ts'
import {
  decodeRequest,
  encodeResponse,
  PROTOCOL,
  type RequestOf,
  type Response,
} from '../../protocol/messages.ts'
import { codecs } from '../../src/codec/codecs.ts'
import type { EncodedPack } from '../../src/codec/encode-pack.ts'
import { Grid } from '../../src/grid/grid.ts'
import { RosterBook } from '../../src/grid/roster-book.ts'
import type { Standing } from '../../src/grid/standing.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { ByteStream, PeerId } from '../../src/ports/network.ts'
import type { FriendFacts } from '../../src/repair/pack-health.ts'
import type { PackFacts, PackList } from '../../src/repair/pack-list.ts'
import type { PackSource } from '../../src/repair/pack-source.ts'
import type {
  BadShares,
  FoundBad,
  Friends,
  Held,
  HolderBook,
  RepairParts,
  SeenPack,
} from '../../src/repair/repair-parts.ts'
import type { TestGrid, TestPeer } from './test-grid.ts'

export interface RepairWorldOptions {
  readonly source?: PackSource
  /** How friends stand, where not simply as they answer. */
  readonly standings?: ReadonlyMap<PeerId, Standing>
}

/** Everything that `RepairParts` needs, with what was done left to be looked at. */
export class RepairWorld {
  readonly parts: RepairParts
  readonly standings: Map<PeerId, Standing>
  readonly bad: MemoryBad
  readonly book = new MemoryBook()
  /** Outcomes that were noted, by peer: good ones and failed ones. */
  readonly audits = new Map<PeerId, boolean[]>()
  readonly refusals: PeerId[] = []

  constructor(
    test: TestGrid,
    grid: Grid,
    packs: readonly EncodedPack[],
    options: RepairWorldOptions = {},
  ) {
    const { clock, random, log, compute } = test.laptop.ports
    this.bad = new MemoryBad(clock)
    this.standings = new Map(options.standings)
    const facts = packs.map((pack, index) => factsOf(pack, index + 1))
    const friends: Friends = {
      facts: (answered) =>
        new Map(
          grid.roster.candidates().map(({ peer, domain }): [PeerId, FriendFacts] => {
            const isHere = answered.has(peer)
            const standing = this.standings.get(peer) ?? (isHere ? 'here' : 'gone')
            return [peer, { standing, isSeenLately: isHere, domain, isHere }]
          }),
        ),
      noteAudit: (peer, outcome) => {
        if (outcome === 'refused') this.refusals.push(peer)
        else this.audits.set(peer, [...(this.audits.get(peer) ?? []), outcome === 'good'])
      },
    }
    const list: PackList = {
      all: () => facts,
      holders: ({ id }) => this.book.holders.get(id) ?? new Map<number, PeerId>(),
    }
    this.parts = {
      vault: test.vault,
      clock,
      random,
      log,
      compute: compute(codecs),
      grid,
      list,
      source: options.source,
      friends,
      bad: this.bad,
      book: this.book,
    }
  }
}

export function factsOf({ id, manifest }: EncodedPack, number: number) {
  const { needed, total, size } = manifest
  return { id, kind: 'data', numbers: [number], shape: { needed, total, size } } as const
}

export class MemoryBad implements BadShares {
  readonly #bad = new Map<string, FoundBad>()
  readonly #clock: Pick<Clock, 'now'>

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  has(held: Held): boolean {
    return this.#bad.has(keyOf(held))
  }

  note(held: Held): void {
    this.#bad.set(keyOf(held), { ...held, foundAt: this.#clock.now() })
  }

  clear(held: Held): void {
    this.#bad.delete(keyOf(held))
  }

  all(): FoundBad[] {
    return [...this.#bad.values()]
  }

  peersOf(pack: PackId): ReadonlySet<PeerId> {
    return new Set(this.all().flatMap((held) => (held.pack === pack ? [held.peer] : [])))
  }
}

export class MemoryBook implements HolderBook {
  readonly holders = new Map<PackId, Map<number, PeerId>>()
  readonly placements: Held[] = []
  readonly settledPacks: PackId[] = []
  adoptions = 0

  saw(seen: readonly SeenPack[]): readonly Held[] {
    for (const { pack, holders } of seen) {
      const known = [...holders].flatMap(([share, [peer]]) =>
        peer === undefined ? [] : [[share, peer] as const],
      )
      this.holders.set(pack.id, new Map(known))
    }
    return []
  }

  placed({ id }: PackFacts, shareNumber: number, peer: PeerId): void {
    this.placements.push({ pack: id, shareNumber, peer })
  }

  settled({ id }: PackFacts): Promise<void> {
    this.settledPacks.push(id)
    return Promise.resolve()
  }

  adopt(): Promise<readonly PeerId[]> {
    this.adoptions += 1
    return Promise.resolve([])
  }
}

type Read = RequestOf<'read'>

/** How a liar reads: honest leaves, other leaves, an error, or nothing at all. */
export type ReadAnswer =
  | 'honest'
  | 'silence'
  | { readonly proof: readonly Uint8Array[]; readonly bytes: Uint8Array }
  | Extract<Response, { type: 'error' }>

/** What a liar makes of a question for manifests. */
export type ManifestAnswer = 'honest' | 'refuses' | 'is silent'

export interface Liar {
  readonly asked: { have: number; read: number }
}

export const NOT_FOUND = { type: 'error', code: 'not-found', message: 'no such leaves' } as const

/**
 * Put a liar in place of a peer.
 *
 * @param holds - what it says it holds: pack → share numbers
 * @param onRead - what it makes of a request for leaves; it is given a grid of its own to ask others
 */
export async function becomeLiar(
  test: TestGrid,
  peer: TestPeer,
  holds: ReadonlyMap<EncodedPack, readonly number[]>,
  onRead: (request: Read, pack: EncodedPack, grid: Grid) => ReadAnswer | Promise<ReadAnswer>,
  manifests: ManifestAnswer = 'honest',
): Promise<Liar> {
  const asked = { have: 0, read: 0 }
  const packs = new Map([...holds.keys()].map((pack) => [pack.id, pack]))
  peer.machine.boot()
  await peer.machine.run(async ({ network: makeNetwork, clock, log }) => {
    const network = await makeNetwork(peer.key.seed)
    const { id: gridId, statements } = test
    const save = () => Promise.resolve()
    const roster = new RosterBook({ grid: gridId, clock, statements, save })
    const grid = new Grid({ network, clock, log, roster })
    network.gate(() => true)
    await network.serve(PROTOCOL, async (stream) => {
      for await (const payload of decodeFrames(stream.source)) {
        const request = decodeRequest(payload)
        if (request.type === 'have') {
          asked.have += 1
          if (request.manifests && manifests === 'is silent') return
          if (request.manifests && manifests === 'refuses') {
            await say(stream, { type: 'error', code: 'internal', message: 'not today' })
            continue
          }
          await say(stream, haveOf(request, packs, holds))
        } else if (request.type === 'read') {
          asked.read += 1
          const pack = packs.get(packIdFromBytes(request.pack))
          const answer = pack === undefined ? NOT_FOUND : await onRead(request, pack, grid)
          await sayLeaves(stream, request, pack, answer)
        } else await say(stream, { type: 'error', code: 'internal', message: 'not today' })
      }
    })
  })
  return { asked }
}

export function honestLeaves(
  pack: EncodedPack,
  { shareNumber, first, count }: Pick<Read, 'shareNumber' | 'first' | 'count'>,
): { readonly proof: readonly Uint8Array[]; readonly bytes: Uint8Array } {
  const piece = pack.pieces[shareNumber]!
  const { leafSize } = pack.manifest
  const tree = treeOf(piece, shareNumber, leafSize)
  const proof = tree.prove(first, Math.min(count, tree.leafCount - first))
  return { proof, bytes: piece.slice(first * leafSize, (first + count) * leafSize) }
}

const trees = new WeakMap<Uint8Array, MerkleTree>()

function treeOf(piece: Uint8Array, shareNumber: number, leafSize: number): MerkleTree {
  const tree = trees.get(piece) ?? MerkleTree.ofShare(shareNumber, piece, leafSize)
  trees.set(piece, tree)
  return tree
}

function haveOf(
  request: RequestOf<'have'>,
  packs: ReadonlyMap<PackId, EncodedPack>,
  holds: ReadonlyMap<EncodedPack, readonly number[]>,
): Response {
  const asked = request.packs.map((bytes) => packs.get(packIdFromBytes(bytes)))
  return {
    type: 'have',
    shares: asked.map((pack) => (pack === undefined ? [] : (holds.get(pack) ?? []))),
    manifests: request.manifests ? asked.map((pack) => pack?.manifestBytes ?? null) : [],
  }
}

async function sayLeaves(
  stream: ByteStream,
  request: Read,
  pack: EncodedPack | undefined,
  answer: ReadAnswer,
): Promise<void> {
  if (answer === 'silence') return
  if (typeof answer !== 'string' && 'type' in answer) return say(stream, answer)
  const leaves = answer === 'honest' ? honestLeaves(pack!, request) : answer
  const { proof, bytes } = leaves
  const response = encodeResponse({ type: 'leaves', proof, bodySize: bytes.length })
  await stream.write(concat(encodeFrame(response), ...bodyFrames(bytes)))
}

function bodyFrames(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let from = 0; from < bytes.length; from += 200_000) {
    frames.push(encodeFrame(bytes.slice(from, from + 200_000)))
  }
  return frames
}

function say(stream: ByteStream, response: Response): Promise<void> {
  return stream.write(encodeFrame(encodeResponse(response)))
}

function keyOf({ pack, shareNumber, peer }: Held): string {
  return `${pack} ${shareNumber} ${peer}`
}
