/** Packs on a simulated disk: the real packer and spool, without a grid behind them. */

import type { Reference } from '../../protocol/reference.ts'
import { Packer, type SealedPack } from '../../src/backup/packer.ts'
import { open } from '../../src/codec/seal.ts'
import type { Disk } from '../../src/ports/disk.ts'
import { Spool } from '../../src/store/spool.ts'

export const padKey = new Uint8Array(32).fill(0x70)
export const contentSecret = new Uint8Array(32).fill(0x63)
export const cutKey = new Uint8Array(32).fill(0x67)

export interface Packing {
  readonly packer: Packer
  readonly spool: Spool
  readonly packs: SealedPack[]
  /** @returns what lies behind a reference, opened with its key */
  readonly read: (reference: Reference) => Promise<{ kind: string; body: Uint8Array }>
}

export async function startPacking(
  disk: Disk,
  onPack?: (pack: SealedPack) => Promise<void>,
): Promise<Packing> {
  const spool = new Spool(disk)
  await spool.open()
  const packs: SealedPack[] = []
  let number = 0
  const packer = new Packer({
    kind: 'data',
    padKey,
    spool,
    nextNumber: () => ++number,
    onPack: onPack ?? (async (pack) => void packs.push(pack)),
  })
  const read = async ({ pack, offset, length, key }: Reference) => {
    const sealed = await spool.read(pack, offset, length)
    if (sealed === undefined) throw new Error(`nothing at ${pack}:${offset}`)
    return open(sealed, key)
  }
  return { packer, spool, packs, read }
}
