/**
 * Answers: what a peer says to each request that needs no body from the asker.
 */

import { WrongSignerError } from '../../protocol/signed.ts'
import { vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import { packIdFromBytes } from '../../protocol/manifest.ts'
import {
  fitting,
  HEADS_MAX,
  HELPERS_MAX,
  LIST_SIZE_MAX,
  type ErrorCode,
  type Request,
  type RequestOf,
  type Response,
} from '../../protocol/messages.ts'
import { peerIdOf, publicKeyOf } from '../../protocol/peer-id.ts'
import { openRelease } from '../../protocol/release.ts'
import type { Member } from '../../protocol/roster.ts'
import type { RosterBook } from '../grid/roster-book.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { HeadStore, KeptHead } from '../store/head-store.ts'
import type { ShareStore } from '../store/share-store.ts'
import type { Allowances } from './allowances.ts'
import { isOwner, type FairUse } from './fair-use.ts'
import { ownerSeenBy } from './permissions.ts'
import type { ReachBook } from './reach-book.ts'
import type { Sightings } from './sightings.ts'

export interface AnswerParts {
  readonly clock: Clock
  readonly log: Log
  readonly shareStore: ShareStore
  readonly headStore: HeadStore
  readonly roster: RosterBook
  readonly fairUse: FairUse
  readonly sightings: Sightings
}

/** What the service that answers adds of its own. */
export interface ServiceParts extends AnswerParts {
  readonly reach: ReachBook
  readonly allowances: Allowances
}

/** A response, and the bytes that follow it. */
export interface Answer {
  readonly response: Response
  readonly body?: Uint8Array
}

/** @throws {FormatError} for a request that cannot be met as it is */
export async function answer(
  parts: ServiceParts,
  member: Member,
  request: Exclude<Request, { type: 'put' | 'join' }>,
  signal: AbortSignal,
): Promise<Answer> {
  switch (request.type) {
    case 'status':
      return { response: await status(parts, member) }
    case 'have':
      return { response: await have(parts, member, request) }
    case 'read':
      return await read(parts, member, request)
    case 'adopt':
      return { response: adopt(parts, member, request) }
    case 'renew':
      // Whoever shows a grant that counts has renewed the lease by asking.
      return { response: { type: 'renewed' } }
    case 'forgo':
      return { response: forgo(parts, request) }
    case 'publish':
      return { response: await publish(parts, request) }
    case 'release':
      return { response: release(parts, request) }
    case 'heads':
      return { response: heads(parts, request) }
    case 'account':
      return { response: await account(parts, request) }
    case 'credits':
      return { response: exchangeCredits(parts, request) }
    case 'holdings':
      return { response: holdings(parts, member) }
    case 'seen':
      return { response: seen(parts, request) }
    case 'news':
      return { response: await hear(parts, member, request) }
    case 'reach':
      return { response: parts.reach.tell((peer) => parts.roster.isAdmitted(peer)) }
    case 'dial-back':
      return { response: await dialBack(parts, member, request, signal) }
    default:
      return { response: await exchangeRoster(parts, member, request) }
  }
}

export function refuse(code: ErrorCode, message: string): Response {
  return { type: 'error', code, message }
}

async function status(parts: AnswerParts, member: Member): Promise<Response> {
  const { shareStore, fairUse } = parts
  const { capacity, free } = await shareStore.space()
  const { role, vault, quota } = member
  const common = { type: 'status', capacity, free, now: parts.clock.now() } as const
  if (role === 'peer' || vault === undefined) return { ...common, used: 0 }
  const helpers = shareStore.leases.helpers.of(vault).map(({ peer, heardAt }) => ({
    peer: publicKeyOf(peer),
    at: Math.max(0, heardAt),
  }))
  const told = helpers.length === 0 ? {} : { helpers: helpers.slice(0, HELPERS_MAX) }
  const used = shareStore.used(vault)
  return { ...common, used, ...fairUse.statusOf(vault, quota), ...told }
}

async function have(
  { shareStore }: AnswerParts,
  member: Member,
  request: RequestOf<'have'>,
): Promise<Response> {
  const owner = ownerSeenBy(member)
  const packs = request.packs.map(packIdFromBytes)
  const shares = packs.map((pack) => shareStore.have(pack, owner))
  const manifests: (Uint8Array | null)[] = []
  let room = LIST_SIZE_MAX
  for (const pack of request.manifests ? packs : []) {
    const manifest = room > 0 ? await shareStore.manifest(pack, owner) : undefined
    room -= manifest?.length ?? 0
    manifests.push(manifest === undefined || room < 0 ? null : manifest)
  }
  return { type: 'have', shares, manifests }
}

async function read(
  { shareStore }: AnswerParts,
  member: Member,
  request: RequestOf<'read'>,
): Promise<Answer> {
  const owner = ownerSeenBy(member)
  const { shareNumber } = request
  const pack = packIdFromBytes(request.pack)
  const share = { pack, shareNumber, ...(owner === undefined ? {} : { owner }) }
  const leaves = await shareStore.read(share, request)
  if (leaves === undefined) return { response: refuse('not-found', `${pack}: no such leaves here`) }
  const { proof, bytes } = leaves
  return { response: { type: 'leaves', proof, bodySize: bytes.length }, body: bytes }
}

function adopt(parts: AnswerParts, member: Member, request: RequestOf<'adopt'>): Response {
  const packs = request.packs.map(packIdFromBytes)
  const vault = vaultIdFromBytes(request.vault)
  const order = orderOf(parts, vault, request.head)
  // A helper speaks for heads that are published; what the device released for a later one stays released.
  const sequence = member.role === 'peer' ? order : request.head
  return { type: 'adopted', count: parts.shareStore.adopt(vault, packs, sequence, order) }
}

/** Who does not know the newest head does not know what it needs. */
function forgo({ headStore, shareStore }: AnswerParts, request: RequestOf<'forgo'>): Response {
  const vault = vaultIdFromBytes(request.vault)
  const newest = headStore.newest(vault)
  if (request.head < (newest?.sequence ?? 0)) {
    return refuse('stale-head', 'a newer head is known here, and may need what is left')
  }
  return { type: 'forgone', ...shareStore.forgo(vault) }
}

function release(parts: AnswerParts, request: RequestOf<'release'>): Response {
  const opened = openRelease(request.document)
  const { vault, head, epoch } = opened
  const { headStore, shareStore } = parts
  const newest = headStore.newest(vault)
  if (epoch < (newest?.epoch ?? 0)) {
    return refuse('stale-head', 'signed for a device that another one has replaced')
  }
  if (opened.kind === 'cancel') {
    const order = orderOf(parts, vault, head.sequence)
    const outcome = shareStore.cancel(opened, order)
    parts.log.info('releases cancelled', { vault, head: head.sequence, kept: outcome.refused })
    return { type: 'released', ...outcome }
  }
  switch (headStore.standing(vault, head)) {
    case 'unknown':
      return refuse('unknown-head', 'the head that it names is not kept here')
    case 'fork':
      return refuse('fork', 'heads fork from there on; name a later one')
    default: {
      const { count, bytes, refused } = shareStore.release(opened)
      // Whoever lends may wonder, and ask the owner, long before anything goes.
      parts.log.info('shares released', { vault, head: head.sequence, shares: count, bytes })
      return { type: 'released', count, bytes, refused }
    }
  }
}

/**
 * A sequence as releases are measured by it: no further ahead than the newest head kept here, or one
 * word about a head that nobody has would keep shares for ever. Releases name heads that are kept, so
 * all that are known by now are outranked.
 */
function orderOf({ headStore }: AnswerParts, vault: VaultId, sequence: number): number {
  return Math.min(sequence, headStore.newest(vault)?.sequence ?? 0)
}

async function publish(parts: AnswerParts, request: RequestOf<'publish'>): Promise<Response> {
  const outcome = await parts.headStore.publish(request.head)
  switch (outcome.type) {
    case 'kept':
      return { type: 'receipt', receipt: outcome.receipt }
    case 'fork':
      return refuse('fork', 'another head has its place; both are kept')
    case 'stale-head':
      return refuse('stale-head', 'a newer head is known here')
    case 'jump':
      return refuse('jump', 'too far ahead of the newest head known here')
    default:
      return refuse('quota', 'too many heads within 30 days')
  }
}

function heads({ headStore }: AnswerParts, request: RequestOf<'heads'>): Response {
  const vault = vaultIdFromBytes(request.vault)
  const kept = headStore.heads(vault, request).map(({ head, receipt }) => ({ head, receipt }))
  return { type: 'heads', heads: fitting(kept, sizeOfKept).slice(0, HEADS_MAX) }
}

function sizeOfKept({ head, receipt }: KeptHead): number {
  return head.length + receipt.length
}

/** Of those who lend disk only: when devices are on is nobody's business. */
function seen({ roster, sightings }: AnswerParts, request: RequestOf<'seen'>): Response {
  const ages = request.peers.map((key) => {
    const peer = peerIdOf(key)
    return roster.member(peer)?.role === 'peer' ? (sightings.age(peer) ?? null) : null
  })
  return { type: 'seen', ages }
}

async function dialBack(
  { reach }: ServiceParts,
  { peer }: Member,
  { addresses }: RequestOf<'dial-back'>,
  signal: AbortSignal,
): Promise<Response> {
  const outcome = await reach.dialBack(peer, addresses, signal)
  if (outcome === 'busy') return refuse('busy', 'dialled back a moment ago; ask later')
  return { type: 'dialled', ...outcome }
}

async function exchangeRoster(
  parts: ServiceParts,
  member: Member,
  request: RequestOf<'roster'>,
): Promise<Response> {
  await takeNews(parts, member, request.statements)
  return { type: 'roster', statements: parts.roster.statementsBeside(request.statements) }
}

async function account({ fairUse }: AnswerParts, request: RequestOf<'account'>): Promise<Response> {
  return { type: 'account', account: await fairUse.account(vaultIdFromBytes(request.vault)) }
}

function exchangeCredits({ fairUse }: AnswerParts, request: RequestOf<'credits'>): Response {
  fairUse.take(request.credits)
  const { known } = request
  return { type: 'credits', credits: known === null ? [] : fairUse.beside(known) }
}

function holdings({ fairUse }: AnswerParts, member: Member): Response {
  if (isOwner(member, fairUse.ownVault)) return fairUse.holdings()
  return refuse('not-admitted', 'what is held for whom is shown to the owner of this peer')
}

async function hear(
  parts: ServiceParts,
  member: Member,
  request: RequestOf<'news'>,
): Promise<Response> {
  const count = await takeNews(parts, member, request.statements)
  return { type: 'heard', count, digest: parts.roster.digest() }
}

/** As many as the member may tell; what is left out comes again with the next exchange of rosters. */
async function takeNews(
  { roster, allowances }: ServiceParts,
  member: Member,
  statements: readonly Uint8Array[],
): Promise<number> {
  const news = roster.unknown(statements)
  return await roster.merge(news.slice(0, allowances.statements(member.peer, news.length)))
}

/** @returns the wire's word for bytes that are not what they should be */
export function codeOfFormatError(error: Error): ErrorCode {
  return error instanceof WrongSignerError ? 'bad-signature' : 'bad-request'
}
