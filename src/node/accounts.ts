/**
 * Accounts: what friends say that they hold for us, checked, and our word for it.
 *
 * Once a day every friend's peer is asked for its account. What we know of it ourselves is the upper limit of
 * what we vouch for, and how its audits went is told with it. Our words go to every peer at once, so that
 * none can go on showing an old one.
 *
 * Rules: docs/fair-use.md
 */

import { z } from 'zod'
import { averageOf, openAccount, signCredit } from '../../protocol/account.ts'
import { FormatError } from '../../protocol/errors.ts'
import { CREDITS_TOLD_MAX } from '../../protocol/messages.ts'
import type { PeerSession } from '../grid/peer-session.ts'
import { UNTRUSTED_MS } from '../grid/standing.ts'
import type { VaultSession } from './vault-session.ts'

const DAY_MS = 86_400_000

/** Accounts are asked for once a day, by whoever backs up once a day a little earlier each time. */
const ASK_EVERY_MS = 20 * 3600_000

/** A peer whose clock is further from ours gives no account that we would sign. */
const SKEW_MS_MAX = DAY_MS

const ASKED_AT = 'accounts/asked-at'

/**
 * Ask for accounts and vouch for what holds, if that is due. In a grid where nobody said whose a peer is,
 * accounts have no use.
 *
 * @returns how many peers were vouched for; `undefined` where nothing was due
 */
export async function keepAccounts(
  session: VaultSession,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { ports, stores, keyring } = session
  const { grid, roster } = await session.link()
  const now = ports.clock.now()
  const askedAt = stores.settings.get(ASKED_AT, z.int())
  const isDue = askedAt === undefined || askedAt > now || now - askedAt >= ASK_EVERY_MS
  if (!isDue) return undefined
  stores.settings.set(ASKED_AT, now)
  if (roster.storagePeers().every(({ vault }) => vault === undefined)) return undefined
  const { answers, failures } = await grid.askPresent(async (peer, within) => {
    const member = roster.member(peer.peer)
    // What our own peers hold for us is nobody else's to count.
    if (member === undefined || member.vault === keyring.vault) return []
    return [await vouch(session, peer, within)]
  }, signal)
  for (const { peer, error } of failures) {
    ports.log.info('no account', { peer, error: error.name, why: error.message })
  }
  const credits = answers.flatMap(({ answer }) => answer)
  await grid.askPresent(async (peer, within) => {
    for (let from = 0; from < credits.length; from += CREDITS_TOLD_MAX) {
      await peer.credits(credits.slice(from, from + CREDITS_TOLD_MAX), null, within)
    }
  }, signal)
  return credits.length
}

/**
 * @returns a credit for what the peer says, as far as we know of it ourselves
 * @throws {FormatError} for an account of something else
 */
async function vouch(
  { ports, stores, keyring, lookout }: VaultSession,
  peer: PeerSession,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const account = await peer.account(keyring.vault, signal)
  const said = openAccount(account)
  const now = ports.clock.now()
  if (said.peer !== peer.peer || said.vault !== keyring.vault) {
    throw new FormatError(`${peer.peer}: an account of something else`)
  }
  if (Math.abs(said.until - now) > SKEW_MS_MAX) {
    throw new FormatError(`${peer.peer}: an account of another day`)
  }
  const record = lookout.record(peer.peer)
  const isTrusted = lookout.standing(peer.peer) !== 'untrusted'
  const known = isTrusted ? stores.packs.bytesAt(peer.peer) : 0
  const failures = [record?.failedAt, record?.failedBeforeAt]
  const failed = failures.filter((at) => at !== undefined && now - at < UNTRUSTED_MS).length
  const words = { passed: record?.auditsPassed ?? 0, failed, issuedAt: Math.max(0, now) }
  const bytes = Math.min(averageOf(said), known)
  const { certificate, device } = keyring
  return signCredit({ account, certificate, bytes, ...words }, device)
}
