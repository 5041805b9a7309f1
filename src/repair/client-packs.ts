/**
 * The owner's pack list and holder book: what its database knows of packs and of who holds them.
 */

import type { DatabaseSync } from 'node:sqlite'
import { count } from '../../protocol/cbor.ts'
import type { VaultId } from '../../protocol/ids.ts'
import type { PackId } from '../../protocol/manifest.ts'
import type { Look } from '../base/peer-record.ts'
import type { Grid } from '../grid/grid.ts'
import type { Clock } from '../ports/clock.ts'
import type { PeerId } from '../ports/network.ts'
import { inTransaction } from '../store/database.ts'
import type { Packs, PackRow } from '../store/packs.ts'
import type { Published } from '../store/published.ts'
import type { Settings } from '../store/settings.ts'
import type { Spool } from '../store/spool.ts'
import { groupById, type PackFacts, type PackList } from './pack-list.ts'
import type { Held, HolderBook, SeenPack } from './repair-parts.ts'

/** Rows read in one go. */
const PAGE_ROWS = 1_000

/** Setting: when all packs were adopted last, by our clock. */
const ADOPTED_AT = 'repair/adopted-at'

/**
 * Every so often all packs are adopted anew: a peer that lost its accounts takes all it holds for
 * provisional, and what nobody speaks for within a month expires.
 */
const ADOPT_ALL_MS = 7 * 86_400_000

export class ClientPackList implements PackList {
  readonly #packs: Packs
  readonly #published: Published

  constructor({ packs, published }: { readonly packs: Packs; readonly published: Published }) {
    this.#packs = packs
    this.#published = published
  }

  all(): PackFacts[] {
    const rows = [...this.#rows()].flatMap((row) => {
      const { id, kind, number, size, needed, total } = row
      return id === undefined ? [] : [{ id, kind, number, shape: { size, needed, total } }]
    })
    const ledgers = new Map(
      rows.filter(({ kind }) => kind === 'ledger').map((row) => [row.id, row]),
    )
    const segments = this.#published.current()?.segments ?? []
    // Ledgers of former heads are of no use to anybody.
    const named = [...new Set(segments.map(({ pointer }) => pointer.pack))]
    return [
      ...groupById(rows.filter(({ kind }) => kind !== 'ledger')),
      ...named.map((id): PackFacts => {
        const row = ledgers.get(id)
        const numbers = row === undefined ? [] : [row.number]
        return { id, kind: 'ledger', numbers, shape: row?.shape }
      }),
    ]
  }

  holders({ numbers }: PackFacts): ReadonlyMap<number, PeerId> {
    const own = ownNumber(this.#packs, numbers)
    return own === undefined ? new Map() : this.#packs.holders(own)
  }

  /** @returns share number → the peer that holds it and was told that a head needs it */
  adopted({ numbers }: PackFacts): ReadonlyMap<number, PeerId> {
    const own = ownNumber(this.#packs, numbers)
    if (own === undefined) return new Map()
    const holders = [...this.#packs.holders(own)]
    return new Map(holders.filter(([share]) => this.#packs.isAdopted(own, share)))
  }

  *#rows(): Generator<PackRow> {
    for (let from = 0; ;) {
      const page = this.#packs.from(from, PAGE_ROWS)
      yield* page.filter(({ isPublished }) => isPublished)
      const last = page.at(-1)
      if (last === undefined) return
      from = last.number + 1
    }
  }
}

export interface ClientHolderBookParts {
  readonly database: DatabaseSync
  readonly packs: Packs
  readonly published: Published
  readonly settings: Settings
  readonly spool: Pick<Spool, 'retire'>
  readonly grid: Pick<Grid, 'adopt' | 'roster'>
  readonly clock: Clock
  readonly vault: VaultId
}

export class ClientHolderBook implements HolderBook {
  readonly #parts: ClientHolderBookParts
  /** Packs without a number here, of which shares were placed. */
  readonly #unnumbered = new Set<PackId>()

  constructor(parts: ClientHolderBookParts) {
    this.#parts = parts
  }

  saw(seen: readonly SeenPack[], { answered }: Look): readonly Held[] {
    const { database, packs } = this.#parts
    const isAnswered = new Set(answered)
    const dropped: Held[] = []
    inTransaction(database, () => {
      for (const { pack, holders } of seen) {
        const own = ownNumber(packs, pack.numbers)
        if (own === undefined) continue
        const before = packs.holders(own)
        const after = new Map(before)
        for (const [shareNumber, peer] of before) {
          if (!isAnswered.has(peer) || holders.get(shareNumber)?.includes(peer) === true) continue
          after.delete(shareNumber)
          const held = { pack: pack.id, shareNumber, peer }
          if (packs.isAdopted(own, shareNumber)) dropped.push(held)
        }
        for (const [share, peers] of holders) {
          const known = after.get(share)
          // Rather somebody who answers than somebody who is only believed to hold it.
          if (known !== undefined && isAnswered.has(known)) continue
          // Who says that it holds several stands for one of them.
          const others = new Set(after.values())
          const found = peers.find((peer) => !others.has(peer))
          if (found !== undefined) after.set(share, found)
        }
        if (!isSame(before, after)) packs.setHolders(own, after)
      }
    })
    return dropped
  }

  placed(pack: PackFacts, shareNumber: number, peer: PeerId): void {
    const { database, packs } = this.#parts
    const own = ownNumber(packs, pack.numbers)
    if (own === undefined) {
      this.#unnumbered.add(pack.id)
      return
    }
    inTransaction(database, () => {
      packs.setHolders(own, new Map(packs.holders(own)).set(shareNumber, peer))
    })
  }

  async settled({ numbers }: PackFacts): Promise<void> {
    const { packs, spool } = this.#parts
    for (const number of numbers) {
      const row = packs.get(number)
      if (row === undefined || row.state === 'complete') continue
      packs.put({ ...row, state: 'complete' })
      await spool.retire(number, row.kind === 'metadata')
    }
  }

  async adopt(signal: AbortSignal): Promise<readonly PeerId[]> {
    const { database, packs, published, settings, grid, clock, vault } = this.#parts
    const sequence = published.current()?.sequence
    if (sequence === undefined) return []
    const now = clock.now()
    const adoptedAt = settings.get(ADOPTED_AT, count(Number.MAX_SAFE_INTEGER)) ?? 0
    // A clock that was set back must not put it off for years.
    const isAllDue = now - adoptedAt >= ADOPT_ALL_MS || adoptedAt > now
    const unadopted = packs.unadopted()
    const all = isAllDue ? new ClientPackList(this.#parts).all().map(({ id }) => id) : []
    const ids = new Set([
      ...unadopted.flatMap(({ id }) => (id === undefined ? [] : [id])),
      ...this.#unnumbered,
      ...all,
    ])
    if (ids.size === 0) return []
    const { failures } = await grid.adopt([...ids], sequence, vault, signal)
    const away = failures.map(({ peer }) => peer)
    inTransaction(database, () => {
      packs.markAdopted(
        unadopted.map(({ number }) => number),
        new Set(away),
      )
      // Who is away keeps what it was told before; its turn is in a week.
      const isHeard = away.length < grid.roster.storagePeers().length
      if (isAllDue && isHeard) settings.set(ADOPTED_AT, Math.max(0, now))
    })
    this.#unnumbered.clear()
    return away
  }
}

/** Who holds a merged pack is known by the number it was made under. */
function ownNumber(packs: Packs, numbers: readonly number[]): number | undefined {
  if (numbers.length <= 1) return numbers[0]
  return numbers.find((number) => packs.get(number)?.extents === undefined) ?? numbers[0]
}

function isSame(a: ReadonlyMap<number, PeerId>, b: ReadonlyMap<number, PeerId>): boolean {
  return a.size === b.size && [...a].every(([share, peer]) => b.get(share) === peer)
}
