/**
 * Joining by code: ask the friend who gave the invite code, and wait until they have decided.
 *
 * Asking again does no harm: a program that was stopped in the middle goes on with the same command.
 */

import { codeIdentity, type InviteCode } from '../../protocol/invite-code.ts'
import { encodeWish, joinProof, joinWords, subjectsOf, type Wish } from '../../protocol/join.ts'
import type { JoinState, ResponseOf } from '../../protocol/messages.ts'
import { Roster } from '../../protocol/roster.ts'
import { FormatError, PeerError, PeerUnreachableError, UsageError } from '../base/errors.ts'
import { PeerSession } from '../grid/peer-session.ts'
import type { PeerId } from '../ports/network.ts'
import type { GridFile } from '../store/grid-file.ts'
import { InviteExpiredError, type GridLinkPorts } from './grid-link.ts'

/** How long the friend may take to compare six words, ms. */
export const CONFIRM_MS_MAX = 3_600_000

/** Between two questions, ms: soon at first, when the friend is likely to be there. */
const ASK_MS_MIN = 500
const ASK_MS_MAX = 5_000

/** The invite code lets nobody in any more, or not us. */
export class InviteOverError extends UsageError {
  override readonly name = 'InviteOverError'
  readonly state: 'refused' | 'burnt' | 'used'

  constructor(state: InviteOverError['state']) {
    super(`${OVER[state]} Ask your friend for a new one; nothing was changed`)
    this.state = state
  }
}

/** The friend has not said yes or no yet; the same command goes on waiting. */
export class NotConfirmedError extends PeerError {
  override readonly name = 'NotConfirmedError'
}

const OVER: Readonly<Record<InviteOverError['state'], string>> = {
  refused: 'Your friend did not confirm this invite, or took it back.',
  burnt: 'This invite is burnt: somebody tried it with a wrong secret.',
  used: 'This invite was used by somebody else already.',
}

/** Told once the friend's peer knows who we are; both sides must see the same words. */
export type OnWords = (words: readonly string[], inviter: PeerId) => void

/**
 * @returns the grid with its roster, which admits everybody of the wish
 * @throws {InviteExpiredError}
 * @throws {InviteOverError}
 * @throws {NotConfirmedError}
 * @throws {PeerUnreachableError} the friend's peer does not answer
 */
export async function joinByCode(
  ports: GridLinkPorts,
  code: InviteCode,
  wish: Wish,
  onWords: OnWords,
  signal: AbortSignal,
): Promise<GridFile> {
  const network = await ports.network(codeIdentity(code.id).seed)
  network.gate(() => false)
  const session = new PeerSession(code.inviter, {
    network,
    clock: ports.clock,
    addresses: () => code.addresses,
  })
  try {
    const statements = await askUntilAdmitted({ ports, session, code }, wish, onWords, signal)
    return admittedGrid(code, wish, statements)
  } finally {
    session.close()
    await network.close()
  }
}

async function askUntilAdmitted(
  { ports, session, code }: { ports: GridLinkPorts; session: PeerSession; code: InviteCode },
  wish: Wish,
  onWords: OnWords,
  signal: AbortSignal,
): Promise<readonly Uint8Array[]> {
  const { clock } = ports
  const bytes = encodeWish(wish)
  const request = { invite: code.id, wish: bytes, proof: joinProof(code, bytes) }
  const endsAt = clock.monotonic() + CONFIRM_MS_MAX
  let isKnown = false
  for (
    let delay = ASK_MS_MIN;
    clock.monotonic() < endsAt;
    delay = Math.min(ASK_MS_MAX, 1.5 * delay)
  ) {
    const answer = await ask(session, request, { isKnown, code }, signal)
    if (answer !== undefined) {
      if (!isKnown && isOurs(answer.state)) onWords(joinWords(code, wish), code.inviter)
      isKnown = true
      if (answer.state === 'admitted') return answer.statements
      if (answer.state !== 'waiting') throw overError(answer.state)
    }
    await clock.sleep(delay, signal)
  }
  throw new NotConfirmedError(
    'Your friend has not confirmed yet. Run the same command again when they are there',
  )
}

/** @returns undefined where the friend's peer was there before and is not now: it may come back */
async function ask(
  session: PeerSession,
  request: Parameters<PeerSession['join']>[0],
  { isKnown, code }: { isKnown: boolean; code: InviteCode },
  signal: AbortSignal,
): Promise<ResponseOf<'joining'> | undefined> {
  try {
    session.forgive()
    return await session.join(request, signal)
  } catch (error) {
    if (signal.aborted || !(error instanceof PeerError)) throw error
    if (isKnown) return undefined
    throw new PeerUnreachableError(
      `Your friend's peer does not answer at ${code.addresses.join(', ')}: ` +
        'ask them to switch it on, or for a new invite if this one is old',
      { cause: error },
    )
  }
}

function isOurs(state: JoinState): boolean {
  return state === 'waiting' || state === 'admitted'
}

function overError(state: Exclude<JoinState, 'waiting' | 'admitted'>): UsageError {
  if (state !== 'expired') return new InviteOverError(state)
  return new InviteExpiredError('This invite has expired: ask your friend for a new one')
}

function admittedGrid(code: InviteCode, wish: Wish, statements: readonly Uint8Array[]): GridFile {
  const roster = new Roster(code.grid)
  for (const statement of statements) roster.add(statement)
  // At time 0 nothing has ended yet; peers judge by their own clocks.
  if (!subjectsOf(wish).every((subject) => roster.isAdmitted(subject, 0))) {
    throw new FormatError('the roster that came with the admission does not admit us')
  }
  return { grid: code.grid, statements: roster.statements() }
}
