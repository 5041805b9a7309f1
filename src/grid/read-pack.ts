/**
 * Reading a pack: just the leaves that hold the wanted bytes, verified, from whoever has them.
 *
 * The pack lies in order in its data shares, so a small range is one read from one peer. Where a data
 * share cannot be had, the same leaves of any k others give it back, since the code works on every
 * byte column for itself. Each of those was verified against its root in the manifest, so the result
 * is right if the manifest's roots belong together, which its encoder checked; the AEAD of whatever
 * is read from the pack catches the rest.
 *
 * Where the one who was asked stands still, the others are asked as well: one who answers nothing, or
 * says that bytes follow and sends none, costs seconds and not half a minute each time.
 *
 * A peer that gave wrong bytes for a share, or none, is not asked for that share again in this session
 * unless the pack cannot be read otherwise; wrong bytes are not forgiven.
 */

import { FormatError } from '../../protocol/errors.ts'
import { leafCount, pieceSize, type PackId } from '../../protocol/manifest.ts'
import { verifyLeaves } from '../../protocol/merkle.ts'
import { READ_SIZE_MAX } from '../../protocol/messages.ts'
import { PeerError, PeerTimeoutError, RecoveryError, type CairnError } from '../base/errors.ts'
import { hedge, type Way } from '../base/hedge.ts'
import { mapPool } from '../base/pool.ts'
import { decodePieces, type Piece } from '../codec/erasure.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { PeerId } from '../ports/network.ts'
import { troubleAtPeer } from './ask-all.ts'
import type { ShareAt } from './grid-types.ts'
import type { PackLocation } from './locate-packs.ts'
import type { PeerSession } from './peer-session.ts'

/** Runs of leaves fetched at a time for one read; each is up to 1 MiB, k times that when rebuilt. */
export const READ_WIDTH = 4

/** Remembered of who gave nothing good; beyond it the oldest are asked again. About a megabyte. */
const AVOIDED_MAX = 8192

/** Who has sent nothing for this long, ms, is not waited for alone; slow lines move all the same. */
export const STILL_MS_MAX = 8_000

/** Too few shares can be found right now; more may return with their peers. */
export class NotEnoughSharesError extends RecoveryError {
  override readonly name = 'NotEnoughSharesError'
  readonly pack: PackId
  readonly found: number
  readonly needed: number

  constructor(pack: PackId, count: { found: number; needed: number }, options?: ErrorOptions) {
    super(`${pack}: ${count.found} shares found, ${count.needed} needed`, options)
    this.pack = pack
    this.found = count.found
    this.needed = count.needed
  }
}

/** Leaves `first` to `first + count` − 1 of every share. */
export interface Run {
  readonly first: number
  readonly count: number
}

/** Part of the wanted bytes: `size` bytes of a data share, inside one run. */
export interface Segment {
  readonly shareNumber: number
  readonly run: Run
  /** Bytes into the run. */
  readonly skip: number
  readonly size: number
  /** Bytes into what was asked for. */
  readonly target: number
}

export interface PackReaderParts {
  readonly clock: Clock
  readonly log: Log
  readonly session: (peer: PeerId) => PeerSession
  /** Told of wrong bytes, once for each share at each peer. */
  readonly onWrong?: (share: ShareAt) => void
  /** Ask everybody anew who holds what, peers that were away a moment ago included. */
  readonly locateAgain: (location: PackLocation, signal: AbortSignal) => Promise<PackLocation>
}

export class PackReader {
  readonly #parts: PackReaderParts
  /** Holders not to ask again for a share: they gave wrong bytes, or none. */
  readonly #avoided = new Map<string, 'wrong' | 'none'>()

  constructor(parts: PackReaderParts) {
    this.#parts = parts
  }

  /**
   * @param offset - bytes into the pack, padding included
   * @returns `length` verified bytes
   * @throws {NotEnoughSharesError} after everybody was asked twice
   * @throws {FormatError} for a range outside the pack
   */
  async read(
    location: PackLocation,
    range: { readonly offset: number; readonly length: number },
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const segments = [...cut(location, range, { isAligned: false, sizeMax: READ_SIZE_MAX })]
    try {
      return await this.#readSegments(location, segments, range.length, signal)
    } catch (error) {
      if (!(error instanceof NotEnoughSharesError)) throw error
      this.#forgive(location.id)
      const again = await this.#parts.locateAgain(location, signal)
      return await this.#readSegments(again, segments, range.length, signal)
    }
  }

  /**
   * One run of a data share.
   *
   * @param keep - sees each run before it is fetched, those too that are needed to rebuild this one,
   *   and may have it from before
   * @returns verified bytes, which others may be reading too
   * @throws {NotEnoughSharesError} after everybody was asked twice
   */
  async readRun(
    location: PackLocation,
    { shareNumber, run }: Pick<Segment, 'shareNumber' | 'run'>,
    keep: Keep,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const from =
      (where: PackLocation): Fetch =>
      (share, wanted, _, moved) =>
        keep(`${where.id} ${share} ${wanted.first} ${wanted.count}`, () =>
          this.#fetch(where, share, wanted, signal, moved),
        )
    try {
      return await this.#leaves(location, shareNumber, run, from(location), signal)
    } catch (error) {
      if (!(error instanceof NotEnoughSharesError)) throw error
      this.#forgive(location.id)
      const again = await this.#parts.locateAgain(location, signal)
      return await this.#leaves(again, shareNumber, run, from(again), signal)
    }
  }

  async #readSegments(
    location: PackLocation,
    segments: readonly Segment[],
    length: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    // A run that is wanted for itself and to rebuild another is fetched once.
    const fetched = new Map<string, Promise<Uint8Array>>()
    const fetch: Fetch = (shareNumber, run, within, moved) => {
      const key = `${shareNumber} ${run.first} ${run.count}`
      const fetching = fetched.get(key) ?? this.#fetch(location, shareNumber, run, within, moved)
      fetched.set(key, fetching)
      return fetching
    }
    await mapPool(
      segments,
      READ_WIDTH,
      async ({ shareNumber, run, skip, size, target }, within) => {
        const leaves = await this.#leaves(location, shareNumber, run, fetch, within)
        bytes.set(leaves.subarray(skip, skip + size), target)
      },
      signal,
    )
    return bytes
  }

  async #leaves(
    location: PackLocation,
    shareNumber: number,
    run: Run,
    fetch: Fetch,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    let isStill = true
    const asked: Way<Uint8Array> = async (moved) => {
      try {
        return await fetch(shareNumber, run, signal, moved)
      } catch (error) {
        throw troubleAtPeer(error, signal)
      } finally {
        isStill = false
      }
    }
    let lacking: NotEnoughSharesError | undefined
    const rebuilt: Way<Uint8Array> = async () => {
      try {
        const bytes = await this.#rebuild(location, shareNumber, run, fetch, signal)
        if (isStill) this.#avoidAll(location, shareNumber)
        return bytes
      } catch (error) {
        if (error instanceof NotEnoughSharesError) lacking = error
        throw error
      }
    }
    try {
      const ways = [asked, rebuilt].values()
      return await hedge(this.#parts.clock, STILL_MS_MAX, ways, signal)
    } catch (error) {
      signal.throwIfAborted()
      // Whichever failed last: that too few others gave theirs is what asking everybody again may mend.
      throw lacking ?? error
    }
  }

  /** The same run of any k other shares gives back that of a data share. */
  async #rebuild(
    location: PackLocation,
    shareNumber: number,
    run: Run,
    fetch: Fetch,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { id, manifest } = location
    const others = [...location.holders.keys()]
      .filter((other) => other !== shareNumber)
      .toSorted((a, b) => a - b)
    let cause: unknown
    function* waysFor(within: AbortSignal): Generator<Way<Piece[]>> {
      for (let next = others.shift(); next !== undefined; next = others.shift()) {
        const index = next
        yield async (moved) => {
          try {
            return [{ index, bytes: await fetch(index, run, within, moved) }]
          } catch (error) {
            throw (cause = troubleAtPeer(error, within))
          }
        }
      }
    }
    const fetchAny = async (_: unknown, within: AbortSignal): Promise<Piece[]> => {
      if (others.length === 0) return []
      try {
        return await hedge(this.#parts.clock, STILL_MS_MAX, waysFor(within), within)
      } catch (error) {
        cause = troubleAtPeer(error, within)
        return []
      }
    }
    const places = Array.from({ length: manifest.needed })
    const pieces = (await mapPool(places, manifest.needed, fetchAny, signal)).flat()
    if (pieces.length < manifest.needed) {
      const count = { found: pieces.length, needed: manifest.needed }
      throw new NotEnoughSharesError(id, count, { cause })
    }
    const rebuilt = decodePieces(pieces, manifest)[shareNumber]
    if (rebuilt === undefined) throw new FormatError(`${id}: ${shareNumber} is no data share`)
    return rebuilt
  }

  /** A run of one share, from whichever holder gives it right. */
  async #fetch(
    location: PackLocation,
    shareNumber: number,
    run: Run,
    signal: AbortSignal,
    moved?: () => void,
  ): Promise<Uint8Array> {
    let cause: unknown
    for (const session of this.#holders(location, shareNumber)) {
      try {
        return await readRun(session, location, shareNumber, run, signal, moved)
      } catch (error) {
        const trouble = troubleAtPeer(error, signal)
        this.#avoid(location.id, shareNumber, session.peer, trouble)
        cause = trouble
      }
    }
    throw new PeerError(`share ${shareNumber} of ${location.id}: nobody gives it`, { cause })
  }

  /** Those worth asking: who is there before who was away, then who has least to do. */
  #holders(location: PackLocation, shareNumber: number): PeerSession[] {
    return (location.holders.get(shareNumber) ?? [])
      .filter((peer) => !this.#avoided.has(holding(location.id, shareNumber, peer)))
      .map((peer) => this.#parts.session(peer))
      .toSorted((a, b) => Number(a.isAway) - Number(b.isAway) || a.load - b.load)
  }

  /** They may answer yet; until then others are asked first. */
  #avoidAll(location: PackLocation, shareNumber: number): void {
    for (const { peer } of this.#holders(location, shareNumber)) {
      const error = new PeerTimeoutError(`${peer}: silent for ${STILL_MS_MAX} ms`)
      this.#avoid(location.id, shareNumber, peer, error)
    }
  }

  #avoid(pack: PackId, share: number, peer: PeerId, error: CairnError): void {
    // The error itself would keep alive all that its stack has in hand: megabytes, in a peer that runs for months.
    const isWrong = error instanceof FormatError
    this.#avoided.set(holding(pack, share, peer), isWrong ? 'wrong' : 'none')
    const [oldest] = this.#avoided.size > AVOIDED_MAX ? this.#avoided.keys() : []
    if (oldest !== undefined) this.#avoided.delete(oldest)
    const fields = { pack, share, peer, error: error.name, why: error.message }
    if (isWrong) {
      this.#parts.onWrong?.({ pack, shareNumber: share, peer })
      this.#parts.log.warn('peer gave wrong bytes', fields)
    } else this.#parts.log.info('peer gave no bytes', fields)
  }

  /** Let those be asked again who were away or broke off. */
  #forgive(pack: PackId): void {
    for (const [key, what] of this.#avoided) {
      if (key.startsWith(`${pack} `) && what === 'none') this.#avoided.delete(key)
    }
  }
}

/** Gives a run that is known under this name (pack, share, first leaf and count), or fetches it. */
export type Keep = (name: string, fetch: () => Promise<Uint8Array>) => Promise<Uint8Array>

type Fetch = (
  shareNumber: number,
  run: Run,
  signal: AbortSignal,
  moved: () => void,
) => Promise<Uint8Array>

/**
 * Leaves of one share from one peer, verified.
 *
 * @throws {PeerError}
 * @throws {FormatError} other bytes than the manifest's
 */
export async function readRun(
  session: PeerSession,
  { id, manifest }: Pick<PackLocation, 'id' | 'manifest'>,
  shareNumber: number,
  run: Run,
  signal: AbortSignal,
  moved?: () => void,
): Promise<Uint8Array> {
  const { leafSize } = manifest
  const size = Math.min(run.count * leafSize, pieceSize(manifest) - run.first * leafSize)
  const range = { pack: id, shareNumber, ...run, size }
  const { bytes, proof } = await session.read(range, signal, moved)
  const root = manifest.roots[shareNumber] ?? new Uint8Array(0)
  const shape = { root, shareNumber, pieceSize: pieceSize(manifest), leafSize }
  verifyLeaves(shape, run.first, bytes, proof)
  return bytes
}

/**
 * Cut a range of a pack into runs of leaves, each inside one data share.
 *
 * @param options.sizeMax - bytes of a run, at most; a multiple of the leaf size and at most 1 MiB
 * @param options.isAligned - let runs start at multiples of their size within the share and be as long
 *   as they can, so that neighbours are cut into the same runs
 */
export function* cut(
  { id, manifest }: Pick<PackLocation, 'id' | 'manifest'>,
  { offset, length }: { readonly offset: number; readonly length: number },
  { isAligned, sizeMax }: { readonly isAligned: boolean; readonly sizeMax: number },
): Generator<Segment> {
  const end = offset + length
  const isInside = offset >= 0 && length >= 0 && end <= manifest.size
  if (!isInside) throw new FormatError(`${id}: no bytes ${offset} to ${end} of ${manifest.size}`)
  const { leafSize } = manifest
  const size = pieceSize(manifest)
  const countMax = sizeMax / leafSize
  for (let from = offset; from < end;) {
    const shareNumber = Math.floor(from / size)
    const inPiece = from - shareNumber * size
    const leaf = Math.floor(inPiece / leafSize)
    const first = isAligned ? leaf - (leaf % countMax) : leaf
    const skip = inPiece - first * leafSize
    const left = Math.min(end, (shareNumber + 1) * size) - from
    const wanted = isAligned ? countMax : Math.ceil((skip + left) / leafSize)
    const count = Math.min(wanted, countMax, leafCount(manifest) - first)
    const taken = Math.min(left, count * leafSize - skip)
    yield { shareNumber, run: { first, count }, skip, size: taken, target: from - offset }
    from += taken
  }
}

function holding(pack: PackId, share: number, peer: PeerId): string {
  return `${pack} ${share} ${peer}`
}
