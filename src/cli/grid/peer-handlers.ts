/**
 * Peer handlers: what commands may ask of a running peer, over its control socket.
 */

import { z } from 'zod'
import type { PeerId } from '../../../protocol/keys.ts'
import { AWAY_MS_MAX, NAME_SIZE_MAX } from '../../../protocol/roster-statement.ts'
import { check, count, integer, text } from '../../../protocol/cbor.ts'
import { TIME_MAX } from '../../../protocol/limits.ts'
import type { Wish } from '../../../protocol/join.ts'
import { UsageError } from '../../base/errors.ts'
import { isRelayed } from '../../grid/relayed.ts'
import { diagnose } from '../../node/doctor.ts'
import { lookWhileLeaving } from '../../node/leave.ts'
import type { PeerNode } from '../../node/peer-node.ts'
import type { InviteView } from '../../peer/invite-desk.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ControlCall, ControlHandler, Fields } from './peer-control.ts'

export interface HandlerParts {
  readonly node: PeerNode
  readonly clock: Clock
  /** Ends the peer, as its owner wants it to. */
  readonly stop: () => void
}

/** @returns the handlers by the names of their requests */
export function peerHandlers(parts: HandlerParts): Record<string, ControlHandler> {
  return {
    invite: (call) => invite(parts, call),
    'invite-wait': (call) => waitForInvite(parts, call),
    'invite-list': async () => ({ invites: parts.node.invites.list().map(inviteFields) }),
    'invite-cancel': (call) => cancelInvite(parts, call),
    members: async () => ({ members: members(parts.node) }),
    remove: (call) => remove(parts, call),
    vacation: (call) => vacation(parts, call),
    leave: (call) => leave(parts, call),
    doctor: (call) => doctor(parts, call),
  }
}

const inviteSchema = z.strictObject({
  expiresAt: integer(0, TIME_MAX),
  quota: count(Number.MAX_SAFE_INTEGER).exactOptional(),
  name: text(NAME_SIZE_MAX).exactOptional(),
  domain: text(NAME_SIZE_MAX).exactOptional(),
  isAutomatic: z.boolean(),
  /** Whether to go on until somebody came, or the invite is over. */
  wait: z.boolean(),
})
const idSchema = z.strictObject({ id: text(64) })
const removeSchema = z.strictObject({ peer: text(128) })
const vacationSchema = z.strictObject({ until: integer(0, TIME_MAX).nullable() })
const leaveSchema = z.strictObject({ now: z.boolean(), cancel: z.boolean() })

async function invite(parts: HandlerParts, call: ControlCall): Promise<Fields> {
  const { wait, ...options } = check(call.fields, inviteSchema, 'invite')
  const { invites } = parts.node
  const { id, code } = await invites.create(options)
  call.send({ id, code, expires_at: options.expiresAt })
  return wait ? await watch(parts, call, id) : fieldsOf(parts, id)
}

async function waitForInvite(parts: HandlerParts, call: ControlCall): Promise<Fields> {
  return await watch(parts, call, find(parts, call).id)
}

async function cancelInvite(parts: HandlerParts, call: ControlCall): Promise<Fields> {
  const { id } = find(parts, call)
  await parts.node.invites.decide(id, false)
  return fieldsOf(parts, id)
}

/** Tell what happens to an invite until it is over; ask about whoever comes. */
async function watch(parts: HandlerParts, call: ControlCall, id: string): Promise<Fields> {
  const { node, clock } = parts
  let answer: Promise<Fields | undefined> | undefined
  for (let told = ''; ;) {
    const changed = node.invites.nextChange()
    const view = node.invites.find(id)
    if (view === undefined) throw new UsageError('There is no such invite')
    const fields = inviteFields(view)
    if (isOver(view)) return fields
    if (JSON.stringify(fields) !== told) call.send(fields)
    told = JSON.stringify(fields)
    if (view.state === 'waiting' && !view.isAutomatic) answer ??= call.next()
    const isAnswered = await firstOf(parts, call, {
      changed,
      answer,
      endsAt: view.expiresAt - clock.now(),
    })
    if (!isAnswered) continue
    const { confirm } = (await answer) ?? {}
    if (typeof confirm !== 'boolean') throw new UsageError('Nobody decided; the invite waits')
    await node.invites.decide(id, confirm)
    answer = new Promise(() => undefined)
  }
}

/** @returns whether the person answered; false when something else happened first */
async function firstOf(
  { clock }: HandlerParts,
  call: ControlCall,
  on: { changed: Promise<void>; answer: Promise<unknown> | undefined; endsAt: number },
): Promise<boolean> {
  const rest = new AbortController()
  const within = AbortSignal.any([call.signal, rest.signal])
  const other = Promise.race([on.changed, clock.sleep(Math.max(0, on.endsAt), within)])
  try {
    return await Promise.race([
      other.then(() => false),
      ...(on.answer === undefined ? [] : [on.answer.then(() => true)]),
    ])
  } finally {
    rest.abort(new Error('no longer awaited'))
    other.catch(() => undefined)
  }
}

function find({ node }: HandlerParts, call: ControlCall): InviteView {
  const { id } = check(call.fields, idSchema, 'invite')
  const view = node.invites.find(id)
  if (view === undefined) throw new UsageError(`No invite, or more than one, begins with ${id}`)
  return view
}

function fieldsOf({ node }: HandlerParts, id: string): Fields {
  const view = node.invites.find(id)
  return view === undefined ? {} : inviteFields(view)
}

function isOver({ state }: InviteView): boolean {
  return state !== 'open' && state !== 'waiting'
}

function inviteFields({
  id,
  state,
  expiresAt,
  quota,
  isAutomatic,
  newcomer,
  others,
}: InviteView): Fields {
  return {
    id,
    state,
    expires_at: expiresAt,
    ...(quota === undefined ? {} : { quota }),
    is_automatic: isAutomatic,
    tried_by_others: others,
    ...(newcomer === undefined ? {} : { ...wishFields(newcomer.wish), words: newcomer.words }),
  }
}

function wishFields(wish: Wish): Fields {
  const { as, name, vault } = wish
  const who = wish.as === 'peer' ? { peer: wish.peer, domain: wish.domain } : { peer: wish.device }
  return { as, ...who, name, vault }
}

function members({ roster, peer }: PeerNode): Fields[] {
  return roster.members().map((member) => ({
    peer: member.peer,
    role: member.role,
    name: member.name,
    domain: member.domain,
    vault: member.vault,
    away_until: member.awayUntil,
    is_leaving: member.isLeaving,
    is_self: member.peer === peer,
    is_founder: member.peer === roster.founder,
  }))
}

async function remove({ node }: HandlerParts, call: ControlCall): Promise<Fields> {
  const { peer } = check(call.fields, removeSchema, 'remove')
  const { roster, spreader } = node
  const member = roster.members().find((each) => each.peer === peer)
  if (member === undefined) throw new UsageError('Nobody in this grid has that id')
  if (member.peer === node.peer)
    throw new UsageError('That is this peer itself: use "cairn peer leave"')
  if (member.peer === roster.founder) {
    throw new UsageError(
      'That peer founded the grid: only itself can leave it. Once it is silent for long, nobody counts on it any more',
    )
  }
  const subject = member.peer
  const issuedAt = roster.issueTime(subject)
  const { told, missed } = await spreader.say(
    [spreader.sign({ type: 'remove', subject, issuedAt })],
    call.signal,
  )
  if (roster.member(subject) !== undefined) {
    throw new UsageError(
      'The roster does not take the removal: this peer removed too many, or is removed itself',
    )
  }
  return { peer: subject, told, missed }
}

async function vacation({ node, clock }: HandlerParts, call: ControlCall): Promise<Fields> {
  const { until } = check(call.fields, vacationSchema, 'vacation')
  const isLeaving = node.roster.member(node.peer)?.isLeaving === true
  const { told, missed } = await announce(node, { until, isLeaving, now: clock.now() }, call.signal)
  return { away_until: until, told, missed }
}

/** Say where this peer will be. */
async function announce(
  { roster, spreader, peer }: PeerNode,
  { until, isLeaving, now }: { until: number | null; isLeaving: boolean; now: number },
  signal: AbortSignal,
): Promise<{ told: readonly PeerId[]; missed: readonly PeerId[] }> {
  if (until !== null && (until <= now || until > now + AWAY_MS_MAX)) {
    throw new UsageError('A vacation ends within 90 days; say it again when it gets longer')
  }
  // By a clock that was ahead once, what is said now is said later than it is.
  const issuedAt = roster.newsTime('presence', peer)
  const statement = spreader.sign({
    type: 'presence',
    subject: peer,
    issuedAt,
    ...(until === null ? {} : { awayUntil: Math.max(until, issuedAt) }),
    ...(isLeaving ? { isLeaving } : {}),
  })
  return await spreader.say([statement], signal)
}

async function leave(parts: HandlerParts, call: ControlCall): Promise<Fields> {
  const { node, clock, stop } = parts
  const { now, cancel } = check(call.fields, leaveSchema, 'leave')
  const said = await announce(
    node,
    { until: null, isLeaving: !cancel, now: clock.now() },
    call.signal,
  )
  if (cancel) return { is_leaving: false, ...said }
  if (!now) {
    for await (const progress of lookWhileLeaving(node, clock, call.signal)) {
      call.send({
        shares_total: progress.sharesTotal,
        shares_left: progress.sharesLeft,
        vaults: progress.vaults.map(({ vault, sharesLeft }) => ({
          vault,
          names: devicesOf(node, vault),
          shares_left: sharesLeft,
        })),
        peers_asked: progress.peersAsked,
        peers_answered: progress.peersAnswered,
      })
    }
  }
  const { roster, spreader, peer } = node
  const issuedAt = roster.issueTime(peer)
  const gone = spreader.sign({ type: 'remove', subject: peer, issuedAt })
  const { told, missed } = await spreader.say([gone], call.signal)
  stop()
  return { is_leaving: true, has_left: true, told, missed }
}

/** Find out who can reach whom, and tell of one peer after another. */
async function doctor({ node, clock }: HandlerParts, call: ControlCall): Promise<Fields> {
  const { roster, spreader, network } = node
  const own = network.addresses().filter((address) => !isRelayed(address))
  const parts = { grid: spreader.grid, roster, network, clock }
  const { self, peers } = await diagnose(parts, own, call.signal)
  for (const peer of peers) call.send({ ...peer })
  return { self }
}

/** What people call the devices of a vault. */
function devicesOf({ roster }: PeerNode, vault: string): string[] {
  return roster
    .members()
    .flatMap((member) =>
      member.role === 'device' && member.vault === vault ? (member.name ?? []) : [],
    )
}
