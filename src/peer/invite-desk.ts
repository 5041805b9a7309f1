/**
 * Invite desk: gives invite codes, and answers whoever comes with one.
 *
 * An invite admits one newcomer, once. The first good proof binds it to who asks, and a person confirms the
 * words; a wrong proof ends it. Each step is durable before anybody hears of it, so a crash in
 * between leaves an invite that answers the very same newcomer, and nobody else.
 *
 * Format: docs/formats/invite-code.md, docs/formats/join.md
 */

import { equal, toHex } from '../../protocol/bytes.ts'
import type { VaultId } from '../../protocol/ids.ts'
import {
  CODE_ADDRESSES_MAX,
  codeIdentity,
  encodeInviteCode,
  INVITE_ID_SIZE,
  INVITE_SECRET_SIZE,
} from '../../protocol/invite-code.ts'
import { openCertificate, peerIdOf, type SigningKey } from '../../protocol/keys.ts'
import {
  decodeWish,
  isJoinProof,
  isSameWish,
  joinWords,
  subjectsOf,
  type SharedInvite,
  type Wish,
} from '../../protocol/join.ts'
import type { JoinState, RequestOf, ResponseOf } from '../../protocol/messages.ts'
import { signStatement, type Statement } from '../../protocol/roster.ts'
import { FormatError, UsageError } from '../base/errors.ts'
import { Mutex } from '../base/mutex.ts'
import type { RosterBook } from '../grid/roster-book.ts'
import type { Clock } from '../ports/clock.ts'
import type { Disk } from '../ports/disk.ts'
import type { Log } from '../ports/log.ts'
import type { PeerId } from '../ports/network.ts'
import type { Random } from '../ports/random.ts'
import { INVITES_MAX, loadInvites, saveInvites, type KeptInvite } from '../store/invite-store.ts'

/** Invites that may be open at once: a party's worth, and few enough to look through. */
export const INVITES_OPEN_MAX = 32

/** How long somebody who comes late is still told why, ms. */
const TOLD_MS = 7 * 86_400_000

export interface InviteDeskParts {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly roster: RosterBook
  /** The inviting peer's; signs the admissions. */
  readonly key: SigningKey
  /** Where newcomers can dial. */
  readonly addresses: () => readonly string[]
  /** Tells the other peers; resolves once those that are there know, or after a while. */
  readonly tell: (statements: readonly Uint8Array[]) => Promise<void>
  /** The highest epoch among a vault's heads kept here; 0 where there is none. */
  readonly newestEpoch: (vault: VaultId) => number
}

export interface InviteOptions {
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  readonly quota?: number
  readonly name?: string
  readonly domain?: string
  /** Whoever has the code comes in without being asked about. */
  readonly isAutomatic: boolean
}

/** An invite as its giver sees it. */
export interface InviteView {
  /** 32 hex digits. */
  readonly id: string
  /** `open` until somebody came. */
  readonly state: 'open' | Exclude<JoinState, 'used'>
  readonly expiresAt: number
  readonly quota?: number
  readonly isAutomatic: boolean
  /** Who came, and the words that they see. */
  readonly newcomer?: { readonly wish: Wish; readonly words: readonly string[] }
  /** How often others came with the same code, since the peer started. */
  readonly others: number
}

type Joining = ResponseOf<'joining'>

export class InviteDesk {
  readonly #parts: InviteDeskParts
  readonly #turns = new Mutex()
  /** By the identity that a newcomer dials as; the oldest first. */
  readonly #invites = new Map<PeerId, KeptInvite>()
  readonly #others = new Map<PeerId, number>()
  /** Admitted, and the others are being told. */
  readonly #telling = new Set<PeerId>()
  #changed = Promise.withResolvers<void>()

  static async open(parts: InviteDeskParts): Promise<InviteDesk> {
    const kept = await loadInvites(parts.disk, parts.log)
    const desk = new InviteDesk(parts, kept)
    // Where the power failed between the two, the admission was made durable and not yet given.
    await parts.roster.merge(kept.flatMap(({ statements }) => statements))
    return desk
  }

  private constructor(parts: InviteDeskParts, kept: readonly KeptInvite[]) {
    this.#parts = parts
    for (const invite of kept) this.#invites.set(identityOf(invite), invite)
  }

  /** May this identity come and ask? Only whoever has a code knows it. */
  isGuest(peer: PeerId): boolean {
    const invite = this.#invites.get(peer)
    return invite !== undefined && !this.#isForgotten(invite)
  }

  /**
   * @returns the code, one line of text; secret
   * @throws {UsageError} too many are open, or nobody could reach us
   */
  async create(options: InviteOptions): Promise<{ readonly id: string; readonly code: string }> {
    const { random, roster, key } = this.#parts
    const inviter = peerIdOf(key.publicKey)
    const addresses = codeAddresses(this.#parts.addresses(), inviter)
    const shared = { id: random.bytes(INVITE_ID_SIZE), secret: random.bytes(INVITE_SECRET_SIZE) }
    const invite: KeptInvite = { ...shared, ...options, state: 'open', statements: [] }
    await this.#turns.run(async () => {
      this.#forgetOld()
      const open = [...this.#invites.values()].filter((each) => !this.#isOver(each))
      if (open.length >= INVITES_OPEN_MAX || this.#invites.size >= INVITES_MAX) {
        throw new UsageError(`${open.length} invites are open: take one back first`)
      }
      await this.#set(identityOf(invite), invite)
    })
    const { expiresAt } = options
    const code = encodeInviteCode({ ...shared, grid: roster.grid, inviter, expiresAt, addresses })
    this.#parts.log.info('invite made', { invite: toHex(shared.id), expiresAt })
    return { id: toHex(shared.id), code }
  }

  /** @returns all that are known, the newest first */
  list(): InviteView[] {
    return [...this.#invites].map(([peer, invite]) => this.#view(peer, invite)).toReversed()
  }

  /** @param id - all of its hex digits, or the first few */
  find(id: string): InviteView | undefined {
    const found = this.list().filter((view) => id !== '' && view.id.startsWith(id))
    return found.length === 1 ? found[0] : undefined
  }

  /** Resolves when anything about an invite changed. */
  nextChange(): Promise<void> {
    return this.#changed.promise
  }

  /**
   * The inviter's word on who came: let them in, or end the invite.
   *
   * @param id - whole
   * @returns false if there was nothing to decide: nobody came, or it is over
   */
  async decide(id: string, isWelcome: boolean): Promise<boolean> {
    const peer = [...this.#invites].find(([, invite]) => toHex(invite.id) === id)?.[0]
    if (peer === undefined) return false
    if (isWelcome) return await this.#admit(peer)
    return await this.#turns.run(async () => {
      const invite = this.#invites.get(peer)
      if (invite === undefined || this.#isOver(invite)) return false
      await this.#set(peer, { ...invite, state: 'refused' })
      this.#parts.log.info('invite refused', { invite: id })
      return true
    })
  }

  /**
   * Answer a guest.
   *
   * @throws {FormatError} the request names another invite, or wishes what is no wish
   */
  async answer(guest: PeerId, request: RequestOf<'join'>): Promise<Joining> {
    const state = await this.#turns.run(() => this.#receive(guest, request))
    if (state === 'waiting' && this.#invites.get(guest)?.isAutomatic === true) {
      if (!this.#telling.has(guest)) await this.#admit(guest)
      return this.#joining(guest, this.#standing(guest))
    }
    return this.#joining(guest, state)
  }

  /** What a request changes, and how it stands with it then. */
  async #receive(guest: PeerId, request: RequestOf<'join'>): Promise<JoinState> {
    const invite = this.#invites.get(guest)
    if (invite === undefined || !equal(invite.id, request.invite)) {
      throw new FormatError('request, field invite: not the one you dialled with')
    }
    const isGood = isJoinProof(this.#shared(invite), request.wish, request.proof)
    if (invite.state === 'admitted') {
      return isGood && isFor(invite, decodeWish(request.wish)) ? this.#standing(guest) : 'used'
    }
    if (this.#isOver(invite)) return this.#standing(guest)
    if (!isGood) {
      this.#parts.log.warn('invite burnt: a wrong proof', { invite: toHex(invite.id) })
      await this.#set(guest, { ...invite, state: 'burnt' })
      return 'burnt'
    }
    const wish = decodeWish(request.wish)
    if (invite.wish !== undefined && !isFor(invite, wish)) {
      this.#parts.log.warn('invite used by somebody else', { invite: toHex(invite.id) })
      this.#others.set(guest, (this.#others.get(guest) ?? 0) + 1)
      this.#notify()
      return 'used'
    }
    if (this.#isReplaced(wish) || this.#isAnothers(wish)) return 'refused'
    if (invite.state === 'open') {
      await this.#set(guest, { ...invite, state: 'waiting', wish: request.wish })
      this.#parts.log.info('somebody came with an invite', {
        invite: toHex(invite.id),
        as: wish.as,
      })
    }
    return 'waiting'
  }

  /** Another device of the vault took its place since; a thief has it, perhaps. */
  #isReplaced(wish: Wish): boolean {
    if (wish.as === 'peer') return false
    const { epoch } = openCertificate(wish.certificate, wish.vault)
    return epoch < this.#parts.newestEpoch(wish.vault)
  }

  /**
   * Members are what they are: whoever has a code names keys, and has proven none of them. The same again
   * does no harm.
   */
  #isAnothers(wish: Wish): boolean {
    const { roster } = this.#parts
    return subjectsOf(wish).some((subject) => {
      const member = roster.member(subject)
      if (member === undefined) return false
      const role = subject === recoveryOf(wish) ? 'recovery' : wish.as
      return member.role !== role || member.vault !== (wish.vault ?? member.vault)
    })
  }

  /** @returns false if there was nobody to admit */
  async #admit(guest: PeerId): Promise<boolean> {
    const statements = await this.#turns.run(async () => {
      const invite = this.#invites.get(guest)
      if (invite?.state !== 'waiting' || this.#isOver(invite)) return undefined
      if (this.#isAnothers(wishOf(invite))) {
        await this.#set(guest, { ...invite, state: 'refused' })
        return undefined
      }
      const signed = this.#admissions(invite)
      await this.#set(guest, { ...invite, state: 'admitted', statements: signed })
      this.#telling.add(guest)
      return signed
    })
    if (statements === undefined) return false
    try {
      await this.#give(guest, statements)
    } finally {
      this.#telling.delete(guest)
      this.#notify()
    }
    return true
  }

  async #give(guest: PeerId, statements: readonly Uint8Array[]): Promise<void> {
    const { roster, log } = this.#parts
    await roster.merge(statements)
    const invite = this.#invites.get(guest)
    if (invite?.wish === undefined) return
    const subjects = subjectsOf(decodeWish(invite.wish))
    if (subjects.every((subject) => roster.isAdmitted(subject))) {
      log.info('a newcomer was admitted', { invite: toHex(invite.id), peer: subjects[0] })
      return await this.#parts.tell(statements)
    }
    log.error('the roster does not take the newcomer', { invite: toHex(invite.id) })
    await this.#turns.run(() => this.#set(guest, { ...invite, state: 'refused', statements: [] }))
  }

  #admissions(invite: KeptInvite): Uint8Array[] {
    const wish = wishOf(invite)
    if (wish.as === 'device') {
      const { vault } = wish
      const quota = invite.quota === undefined ? {} : { quota: invite.quota }
      return [
        this.#admission(wish.device, { role: 'device', vault, ...quota, ...nameOf(invite, wish) }),
        this.#admission(wish.recovery, { role: 'recovery', vault }),
      ]
    }
    const { as: _, peer, ...said } = wish
    const domain = invite.domain === undefined ? {} : { domain: invite.domain }
    const name = invite.name === undefined ? {} : { name: invite.name }
    // A member says itself what it is called and where it is.
    const own = this.#parts.roster.isAdmitted(peer) ? {} : said
    return [this.#admission(peer, { role: 'peer', ...own, ...name, ...domain })]
  }

  #admission(subject: PeerId, about: Partial<Statement>): Uint8Array {
    const { roster, key } = this.#parts
    const issuer = peerIdOf(key.publicKey)
    const issuedAt = roster.issueTime(subject)
    const common = { version: 1, grid: roster.grid, type: 'admit', issuer, issuedAt } as const
    return signStatement({ ...common, subject, ...about }, key)
  }

  #joining(guest: PeerId, state: JoinState): Joining {
    const statements = state === 'admitted' ? this.#parts.roster.statementsBeside([]) : []
    // While the others are told: who comes to them now would be a stranger.
    const isEarly = state === 'admitted' && this.#telling.has(guest)
    return isEarly
      ? { type: 'joining', state: 'waiting', statements: [] }
      : { type: 'joining', state, statements }
  }

  #standing(guest: PeerId): JoinState {
    const invite = this.#invites.get(guest)
    if (invite === undefined) return 'expired'
    if (invite.state === 'admitted' || invite.state === 'refused' || invite.state === 'burnt') {
      return invite.state
    }
    return this.#isOver(invite) ? 'expired' : 'waiting'
  }

  #view(peer: PeerId, invite: KeptInvite): InviteView {
    const { expiresAt, quota, isAutomatic, wish } = invite
    const standing = this.#standing(peer)
    const isUntouched = standing === 'waiting' && invite.state === 'open'
    return {
      id: toHex(invite.id),
      state: isUntouched ? 'open' : this.#telling.has(peer) ? 'waiting' : shown(standing),
      expiresAt,
      isAutomatic,
      others: this.#others.get(peer) ?? 0,
      ...(quota === undefined ? {} : { quota }),
      ...(wish === undefined ? {} : { newcomer: this.#newcomer(invite, wish) }),
    }
  }

  #newcomer(invite: KeptInvite, bytes: Uint8Array): InviteView['newcomer'] & object {
    const wish = decodeWish(bytes)
    return { wish, words: joinWords(this.#shared(invite), wish) }
  }

  #shared({ id, secret }: KeptInvite): SharedInvite {
    const { roster, key } = this.#parts
    return { grid: roster.grid, inviter: peerIdOf(key.publicKey), id, secret }
  }

  /** Nobody can come in with it any more. */
  #isOver({ state, expiresAt }: KeptInvite): boolean {
    return (state !== 'open' && state !== 'waiting') || this.#parts.clock.now() >= expiresAt
  }

  #isForgotten({ expiresAt }: KeptInvite): boolean {
    return this.#parts.clock.now() >= expiresAt + TOLD_MS
  }

  #forgetOld(): void {
    for (const [peer, invite] of this.#invites) {
      const isInTheWay = this.#invites.size >= INVITES_MAX && this.#isOver(invite)
      if (isInTheWay || this.#isForgotten(invite)) this.#invites.delete(peer)
    }
  }

  /** Durable first, except that what ends an invite holds even where the disk fails. */
  async #set(peer: PeerId, invite: KeptInvite): Promise<void> {
    const before = this.#invites.get(peer)
    this.#invites.set(peer, invite)
    try {
      await saveInvites(this.#parts.disk, [...this.#invites.values()])
    } catch (error) {
      const isEnd = invite.state === 'burnt' || invite.state === 'refused'
      if (before === undefined) this.#invites.delete(peer)
      else if (!isEnd) this.#invites.set(peer, before)
      throw error
    } finally {
      this.#notify()
    }
  }

  #notify(): void {
    const { resolve } = this.#changed
    this.#changed = Promise.withResolvers<void>()
    resolve()
  }
}

/** @throws {UsageError} */
function codeAddresses(addresses: readonly string[], self: PeerId): string[] {
  if (addresses.length === 0) {
    throw new UsageError(
      'Nobody could reach this peer: it has no address. Give it one with --listen or --announce',
    )
  }
  const places = addresses.map((address) => address.replace(new RegExp(`/p2p/${self}$`), ''))
  // Whoever is on this very machine finds the others too.
  const best = places.toSorted((a, b) => Number(isLoopback(a)) - Number(isLoopback(b)))
  return best.slice(0, CODE_ADDRESSES_MAX)
}

function identityOf({ id }: KeptInvite): PeerId {
  return peerIdOf(codeIdentity(id).publicKey)
}

function isFor(invite: KeptInvite, wish: Wish): boolean {
  return invite.wish !== undefined && isSameWish(decodeWish(invite.wish), wish)
}

function wishOf({ wish }: KeptInvite): Wish {
  return decodeWish(wish ?? new Uint8Array(0))
}

function recoveryOf(wish: Wish): PeerId | undefined {
  return wish.as === 'device' ? wish.recovery : undefined
}

function nameOf(invite: KeptInvite, wish: Wish): { readonly name?: string } {
  const name = invite.name ?? wish.name
  return name === undefined ? {} : { name }
}

/** Another's use is counted beside, and no state of the invite. */
function shown(state: JoinState): InviteView['state'] {
  return state === 'used' ? 'admitted' : state
}

function isLoopback(address: string): boolean {
  return address.startsWith('/ip4/127.') || address.startsWith('/ip6/::1/')
}
