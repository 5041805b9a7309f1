/**
 * Releases: the prune key's word that a vault needs certain packs no more, or needs them after all.
 *
 * A release names the first head that does without the packs; a cancel names the head that takes the
 * release back. Peers carry a release out after a delay of their own, so neither kind does anything at
 * once. A document is small enough for one message; more packs take more documents.
 *
 * Format: docs/formats/release.md
 */

import { z } from 'zod'
import { compare } from './bytes.ts'
import { bytesField, check, decodeCbor, encodeCbor, integer } from './cbor.ts'
import { CERTIFICATE_SIZE_MAX, openCertificate } from './certificate.ts'
import { FormatError } from './errors.ts'
import { deviceIdFromBytes, deviceIdToBytes, type VaultId } from './ids.ts'
import { HEAD_ID_SIZE, SEQUENCE_MAX } from './limits.ts'
import { PACK_ID_SIZE, packIdFromBytes, packIdToBytes, type PackId } from './manifest.ts'
import { checkSignature, signDocument, splitDocument } from './signed.ts'
import type { SigningKey } from './signing.ts'

/** Packs one document can name: as many as one request can ask about. */
export const RELEASE_PACKS_MAX = 1024

/** Bytes in a whole release, at most: 38 for each pack, its certificate and some more. */
export const RELEASE_SIZE_MAX = 40 * 1024

const KIND = { magic: 'cairnrl1', sizeMax: RELEASE_SIZE_MAX }

/**
 * - 'release': the head `head`, and those after it, do without the packs
 * - 'cancel': the packs stay; releases that name this head or an older one count no more
 */
export type ReleaseKind = 'release' | 'cancel'

/** A release before it is signed. */
export interface Release {
  readonly vault: VaultId
  /** The prune key's certificate. */
  readonly certificate: Uint8Array
  readonly kind: ReleaseKind
  /** `id` has 32 bytes. */
  readonly head: { readonly sequence: number; readonly id: Uint8Array }
  /** Each once, at most `RELEASE_PACKS_MAX`. A release names one at least; a cancel of none is of all. */
  readonly packs: readonly PackId[]
}

/** A release whose certificate and signature hold; packs by name. */
export interface OpenedRelease extends Release {
  /** Of the certificate. */
  readonly epoch: number
}

const schema = z.strictObject({
  certificate: bytesField(1, CERTIFICATE_SIZE_MAX),
  kind: z.enum(['release', 'cancel']),
  sequence: integer(1, SEQUENCE_MAX),
  headId: bytesField(HEAD_ID_SIZE, HEAD_ID_SIZE),
  packs: z.array(bytesField(PACK_ID_SIZE, PACK_ID_SIZE)).max(RELEASE_PACKS_MAX),
})

/**
 * @param release - vault must be that of its certificate; packs in any order, they are sorted
 * @returns the document's bytes, the same for the same release
 * @throws {FormatError} for values out of range, or a key that the certificate does not name
 */
export function signRelease(release: Release, pruneKey: SigningKey): Uint8Array {
  const certificate = openCertificate(release.certificate, release.vault)
  if (certificate.device !== deviceIdFromBytes(pruneKey.publicKey)) {
    throw new FormatError('release: the certificate is for another key')
  }
  const body = {
    certificate: release.certificate,
    kind: release.kind,
    sequence: release.head.sequence,
    headId: release.head.id,
    packs: release.packs.map(packIdToBytes).toSorted(compare),
  }
  const bytes = signDocument(KIND, encodeCbor(check(body, schema, 'release')), pruneKey)
  openRelease(bytes) // what is sent to be acted upon is read back first
  return bytes
}

/**
 * Check everything that can be checked without knowing heads or shares.
 *
 * @throws {WrongSignerError} unless the vault certified the prune key and that key signed this
 * @throws {FormatError} for other bytes, values out of range, or a key that may not release
 */
export function openRelease(bytes: Uint8Array): OpenedRelease {
  const document = splitDocument(KIND, bytes)
  const body = decodeCbor(document.body, schema, { format: 'release', sizeMax: RELEASE_SIZE_MAX })
  const certificate = openCertificate(body.certificate)
  if (certificate.role !== 'prune') {
    throw new FormatError(`release: signed by a key of role ${certificate.role}`)
  }
  checkPacks(body)
  checkSignature(KIND, document, deviceIdToBytes(certificate.device))
  return {
    vault: certificate.vault,
    certificate: body.certificate,
    epoch: certificate.epoch,
    kind: body.kind,
    head: { sequence: body.sequence, id: body.headId },
    packs: body.packs.map(packIdFromBytes),
  }
}

function checkPacks({ kind, packs }: z.infer<typeof schema>): void {
  if (kind === 'release' && packs.length === 0) throw new FormatError('release: of no packs')
  for (const [index, pack] of packs.entries()) {
    const before = packs[index - 1]
    if (before !== undefined && compare(before, pack) >= 0) {
      throw new FormatError('release: packs are not in order, each once')
    }
  }
}
