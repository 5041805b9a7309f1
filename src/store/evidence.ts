/**
 * Evidence: signed heads and receipts that cannot all be honest, kept for whoever wants to look.
 *
 * - a *fork*: two heads of one place in the order, both signed by a device of the vault;
 * - a *rollback*: a peer's receipt for a head, beside the older head that it shows now.
 *
 * One file for each case below `evidence/` in the home. The home works without them.
 */

import { z } from 'zod'
import { concat, toHex, utf8 } from '../../protocol/bytes.ts'
import { bytesField, count, decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import { HEAD_SIZE_MAX, SEQUENCE_MAX } from '../../protocol/head.ts'
import { sha256 } from '../../protocol/hash.ts'
import { RECEIPT_SIZE_MAX } from '../../protocol/receipt.ts'
import { TIME_MAX } from '../../protocol/limits.ts'
import type { Disk } from '../ports/disk.ts'
import type { PeerId } from '../ports/network.ts'
import { readWhole, StateDamagedError, writeWhole } from './whole-file.ts'

/** Cases kept; the oldest make room. Far more than a person reads, far less than a disk notices. */
export const EVIDENCE_MAX = 64

const FOLDER = 'evidence'
const CASE_SIZE_MAX = 64 * 1024
const DOCUMENTS_MAX = 16

export interface EvidenceCase {
  readonly kind: 'fork' | 'rollback'
  /** Of a fork, where it lies; of a rollback, what the peer signed for. */
  readonly sequence: number
  /** Of a rollback: the newest head that the peer shows, 0 where it shows none. */
  readonly shown?: number
  /** Of a rollback: who. */
  readonly peer?: PeerId
  /** Milliseconds since 1970, by this machine's clock. */
  readonly foundAt: number
  readonly heads: readonly Uint8Array[]
  readonly receipts: readonly Uint8Array[]
}

export interface KeptCase extends EvidenceCase {
  /** Of its file. */
  readonly name: string
}

const schema = z.strictObject({
  version: z.literal(1),
  kind: z.enum(['fork', 'rollback']),
  sequence: count(SEQUENCE_MAX),
  shown: count(SEQUENCE_MAX).optional(),
  peer: z.string().max(128).optional(),
  foundAt: count(TIME_MAX),
  heads: z.array(bytesField(1, HEAD_SIZE_MAX)).max(DOCUMENTS_MAX),
  receipts: z.array(bytesField(1, RECEIPT_SIZE_MAX)).max(DOCUMENTS_MAX),
})

export class Evidence {
  readonly #disk: Disk

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** @returns whether it is news: the same case is kept once, as it was found first */
  async keep(found: EvidenceCase): Promise<boolean> {
    const name = nameOf(found)
    const names = await this.#names()
    if (names.includes(name)) return false
    const [heads, receipts] = [found.heads, found.receipts].map((all) =>
      all.slice(0, DOCUMENTS_MAX),
    )
    const { kind, sequence, shown, peer } = found
    const foundAt = Math.max(0, found.foundAt)
    const bytes = encodeCbor({
      version: 1,
      kind,
      sequence,
      ...(shown === undefined ? {} : { shown }),
      ...(peer === undefined ? {} : { peer }),
      foundAt,
      heads,
      receipts,
    })
    await writeWhole(this.#disk, `${FOLDER}/${name}`, bytes)
    if (names.length >= EVIDENCE_MAX) await this.#makeRoom()
    return true
  }

  /** @returns all cases, the newest first; a damaged file is as good as none */
  async all(): Promise<KeptCase[]> {
    const cases: KeptCase[] = []
    for (const name of await this.#names()) {
      const kept = await this.#read(name)
      if (kept !== undefined) cases.push(kept)
    }
    return cases.toSorted((a, b) => b.foundAt - a.foundAt || (a.name < b.name ? -1 : 1))
  }

  async #names(): Promise<string[]> {
    const names = await this.#disk.list(FOLDER)
    return names.filter((name) => /^(fork|rollback)-[0-9a-f-]+$/.test(name))
  }

  async #makeRoom(): Promise<void> {
    const cases = await this.all()
    for (const { name } of cases.slice(EVIDENCE_MAX)) await this.#disk.remove(`${FOLDER}/${name}`)
    await this.#disk.syncFolder(FOLDER)
  }

  async #read(name: string): Promise<KeptCase | undefined> {
    try {
      const bytes = await readWhole(this.#disk, `${FOLDER}/${name}`)
      if (bytes === undefined) return undefined
      const limits = { format: 'evidence', sizeMax: CASE_SIZE_MAX }
      const { version: _, peer, shown, ...rest } = decodeCbor(bytes, schema, limits)
      return {
        ...rest,
        name,
        ...(shown === undefined ? {} : { shown }),
        // Written by us, from an answer whose sender was known.
        ...(peer === undefined ? {} : { peer: peer as PeerId }),
      }
    } catch (error) {
      if (error instanceof StateDamagedError || error instanceof FormatError) return undefined
      throw error
    }
  }
}

/** The same case has the same name: of a fork its heads, of a rollback the peer and what it signed for. */
function nameOf({ kind, sequence, peer, heads }: EvidenceCase): string {
  const ids = heads.map((head) => toHex(sha256(head))).toSorted()
  const what = kind === 'fork' ? utf8(ids.join()) : concat(utf8(peer ?? ''), utf8(`/${sequence}`))
  const digits = String(sequence).padStart(14, '0')
  return `${kind}-${digits}-${toHex(sha256(what)).slice(0, 16)}`
}
