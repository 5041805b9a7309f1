/**
 * Spot check: one block of one share, as any read asks for it, that only who holds the share can give.
 *
 * A peer that is away, busy or broken proves nothing against it. One that says the share is not there, or
 * gives other bytes, has failed.
 */

import { FormatError } from '../../protocol/errors.ts'
import {
  decodeManifest,
  leafCount,
  packId,
  pieceSize,
  type PackId,
} from '../../protocol/manifest.ts'
import { verifyLeaves } from '../../protocol/merkle.ts'
import { PeerError, PeerRefusedError } from '../base/errors.ts'
import type { PeerSession } from './peer-session.ts'

/**
 * @param chance - 0 up to 1: which block
 * @returns 'unknown' where nothing was proven either way
 * @throws the signal's reason
 */
export async function spotCheck(
  session: PeerSession,
  share: { readonly pack: PackId; readonly shareNumber: number },
  chance: number,
  signal: AbortSignal,
): Promise<'passed' | 'failed' | 'unknown'> {
  try {
    return (await holdsBlock(session, share, chance, signal)) ? 'passed' : 'failed'
  } catch (error) {
    if (error instanceof FormatError) return 'failed'
    if (error instanceof PeerRefusedError) return error.code === 'not-found' ? 'failed' : 'unknown'
    if (error instanceof PeerError) return 'unknown'
    throw error
  }
}

async function holdsBlock(
  session: PeerSession,
  { pack, shareNumber }: { readonly pack: PackId; readonly shareNumber: number },
  chance: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { shares, manifests } = await session.have([pack], { manifests: true }, signal)
  const [bytes] = manifests
  if (shares[0]?.includes(shareNumber) !== true || bytes === null || bytes === undefined) {
    return false
  }
  if (packId(bytes) !== pack) throw new FormatError(`${pack}: another pack's manifest`)
  const manifest = decodeManifest(bytes)
  const { leafSize } = manifest
  const first = Math.floor(chance * leafCount(manifest))
  const size = Math.min(leafSize, pieceSize(manifest) - first * leafSize)
  const leaves = await session.read({ pack, shareNumber, first, count: 1, size }, signal)
  const root = manifest.roots[shareNumber] ?? new Uint8Array(0)
  const shape = { root, shareNumber, pieceSize: pieceSize(manifest), leafSize }
  verifyLeaves(shape, first, leaves.bytes, leaves.proof)
  return true
}
