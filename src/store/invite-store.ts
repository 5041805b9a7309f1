/**
 * Invite store: the invites that a peer gave, on its own disk, one file, replaced whole.
 *
 * What became of each is kept for a while after it ended, so that whoever comes late is told why.
 * File: docs/peer.md, "On disk"
 */

import { z } from 'zod'

import {
  bytesField,
  check,
  count,
  decodeCbor,
  encodeCbor,
  integer,
  text,
} from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import { INVITE_ID_SIZE, INVITE_SECRET_SIZE } from '../../protocol/invite-code.ts'
import { TIME_MAX } from '../../protocol/limits.ts'
import { WISH_SIZE_MAX } from '../../protocol/message-limits.ts'
import { NAME_SIZE_MAX, STATEMENT_SIZE_MAX } from '../../protocol/roster-statement.ts'
import type { Disk } from '../ports/disk.ts'
import type { Log } from '../ports/log.ts'
import { readWhole, StateDamagedError, writeWhole } from './whole-file.ts'

const PATH = 'invites'
const BAD_PATH = 'invites.bad'

/** Invites kept, those that ended included. */
export const INVITES_MAX = 128

/** A device and its recovery identity, or a peer. */
const SUBJECTS_MAX = 2

const FILE_SIZE_MAX = INVITES_MAX * (WISH_SIZE_MAX + SUBJECTS_MAX * STATEMENT_SIZE_MAX + 512)

export interface KeptInvite {
  /** 16 bytes. */
  readonly id: Uint8Array
  /** 16 bytes. */
  readonly secret: Uint8Array
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  /** Bytes that a vault which comes in may keep at each peer. */
  readonly quota?: number
  /** What the inviter calls the newcomer, in place of the newcomer's own word. */
  readonly name?: string
  readonly domain?: string
  /** Whoever has the code comes in without being asked about. */
  readonly isAutomatic: boolean
  /**
   * - `open`: nobody came yet
   * - `waiting`: somebody gave a good proof, and `wish` says who; for nobody else from now on
   * - `admitted`: `statements` are the admissions, signed
   * - `refused`: the inviter said no
   * - `burnt`: somebody gave a wrong proof
   */
  readonly state: 'open' | 'waiting' | 'admitted' | 'refused' | 'burnt'
  readonly wish?: Uint8Array
  readonly statements: readonly Uint8Array[]
}

const schema = z
  .array(
    z.strictObject({
      id: bytesField(INVITE_ID_SIZE, INVITE_ID_SIZE),
      secret: bytesField(INVITE_SECRET_SIZE, INVITE_SECRET_SIZE),
      expiresAt: integer(0, TIME_MAX),
      quota: count(Number.MAX_SAFE_INTEGER).exactOptional(),
      name: text(NAME_SIZE_MAX).exactOptional(),
      domain: text(NAME_SIZE_MAX).exactOptional(),
      isAutomatic: z.boolean(),
      state: z.enum(['open', 'waiting', 'admitted', 'refused', 'burnt']),
      wish: bytesField(1, WISH_SIZE_MAX).exactOptional(),
      statements: z.array(bytesField(1, STATEMENT_SIZE_MAX)).max(SUBJECTS_MAX).readonly(),
    }),
  )
  .max(INVITES_MAX)

/** @returns the invites saved last; none if there is no file, or a damaged one, which is set aside */
export async function loadInvites(disk: Disk, log: Log): Promise<readonly KeptInvite[]> {
  try {
    const bytes = await readWhole(disk, PATH)
    if (bytes === undefined) return []
    return decodeCbor(bytes, schema, { format: 'kept invites', sizeMax: FILE_SIZE_MAX })
  } catch (error) {
    if (!(error instanceof StateDamagedError || error instanceof FormatError)) throw error
    log.error('invites set aside', { error: error.name, why: error.message })
    await disk.rename(PATH, BAD_PATH)
    return []
  }
}

/** Keep these, durably, in place of the former. */
export async function saveInvites(disk: Disk, invites: readonly KeptInvite[]): Promise<void> {
  await writeWhole(disk, PATH, encodeCbor(check(invites, schema, 'kept invites')))
}
