import { describe, expect, it } from 'vitest'

import { decodeInviteCode, encodeInviteCode } from '../../protocol/invite-code.ts'
import { UsageError } from '../../src/base/errors.ts'
import { peerHandlers } from '../../src/cli/grid/peer-handlers.ts'
import type { Fields } from '../../src/cli/grid/peer-control.ts'
import { comeIn, DAY_MS, peerWish } from '../support/newcomer.ts'
import { forever, makePack, TestGrid, type TestPeer } from '../support/test-grid.ts'

/** What a client of the control socket sees of one request. */
class Call {
  readonly events: Fields[] = []
  readonly result: Promise<Fields>
  readonly #answers: ((answer: Fields | undefined) => void)[] = []
  readonly #sent: Fields[] = []
  hasStopped = false
  #heard = Promise.withResolvers<void>()

  constructor({ node, machine }: TestPeer, request: string, fields: Fields) {
    const stop = () => (this.hasStopped = true)
    const handler = peerHandlers({ node, clock: machine.ports.clock, stop })[request]
    if (handler === undefined) throw new Error('no such request')
    this.result = handler({
      fields,
      signal: forever,
      send: (event) => {
        this.events.push(event)
        this.#heard.resolve()
      },
      next: () => {
        const sent = this.#sent.shift()
        return sent === undefined
          ? new Promise((resolve) => this.#answers.push(resolve))
          : Promise.resolve(sent)
      },
    })
    this.result.catch(() => undefined)
  }

  answer(line: Fields): void {
    const waiting = this.#answers.shift()
    if (waiting === undefined) this.#sent.push(line)
    else waiting(line)
  }

  /** @returns the first event with these fields */
  async event(name: string, value?: unknown): Promise<Fields> {
    for (;;) {
      const found = this.events.find(
        (event) => name in event && (value === undefined || event[name] === value),
      )
      if (found !== undefined) return found
      this.#heard = Promise.withResolvers<void>()
      await this.#heard.promise
    }
  }
}

describe('what commands ask of a running peer', () => {
  it('is an invite: its code, who came with which words, and how it ended', async () => {
    const test = new TestGrid({ peers: 2 })
    const house = test.world.addMachine('house')
    await test.tell(async () => {
      const [peer] = test.peers
      const expiresAt = peer!.machine.ports.clock.now() + DAY_MS
      const call = new Call(peer!, 'invite', { expiresAt, isAutomatic: false, wait: true })
      const { code, id } = await call.event('code')
      const coming = comeIn(house, String(code), peerWish('Ben', house))
      const asked = await call.event('state', 'waiting')
      expect(asked).toMatchObject({ id, as: 'peer', name: 'Ben', tried_by_others: 0 })
      expect(asked['words']).toEqual(await coming.words)
      call.answer({ confirm: true })
      expect(await call.result).toMatchObject({ id, state: 'admitted' })
      await coming.joined
    })
  })

  it('is told when an invite is burnt, or its time is over, while nobody decides', async () => {
    const test = new TestGrid({ peers: 2 })
    const house = test.world.addMachine('house')
    await test.tell(async () => {
      const [peer] = test.peers
      const expiresAt = peer!.machine.ports.clock.now() + DAY_MS
      const options = { expiresAt, isAutomatic: false, wait: true }
      const [burnt, late] = [new Call(peer!, 'invite', options), new Call(peer!, 'invite', options)]
      const { code } = await burnt.event('code')
      const guess = { ...decodeInviteCode(String(code)), secret: new Uint8Array(16) }
      const guessing = comeIn(house, encodeInviteCode(guess), peerWish('Eve', house))
      await expect(guessing.joined).rejects.toMatchObject({ state: 'burnt' })
      expect(await burnt.result).toMatchObject({ state: 'burnt' })
      expect(await late.result).toMatchObject({ state: 'expired' })
      const again = new Call(peer!, 'invite-list', {})
      expect((await again.result)['invites']).toHaveLength(2)
    })
  })

  it('is leaving: says whose shares are here only, and goes once none is', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      const [leaver, second] = test.peers
      const owner = await test.client()
      const { pieces, manifestBytes: manifest, id } = makePack(9_000, { needed: 1, total: 2 })
      const put = async ({ id: peer }: TestPeer, shareNumber: number) => {
        const [session] = owner.sessions([peer])
        const piece = pieces[shareNumber]!
        await session!.put({ vault: test.vault, manifest, shareNumber, piece }, forever)
      }
      await put(leaver!, 0)
      await owner.publish(test.head(1), forever)
      await owner.adopt([id], 1, test.vault, forever)

      const call = new Call(leaver!, 'leave', { now: false, cancel: false })
      expect(await call.event('shares_left', 1)).toMatchObject({
        shares_total: 1,
        vaults: [{ vault: test.vault, shares_left: 1 }],
        peers_answered: 2,
      })
      expect(call.hasStopped).toBe(false)
      await put(second!, 0)
      expect(await call.result).toMatchObject({ has_left: true, missed: [] })
      expect(call.hasStopped).toBe(true)
      expect(second!.node.roster.isAdmitted(leaver!.id)).toBe(false)
    })
  })

  it('is staying after all, or going at once', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      const [first, second, third] = test.peers
      await second!.node.spreader.say([presence(second!)], forever)
      const stay = new Call(second!, 'leave', { now: false, cancel: true })
      expect(await stay.result).toMatchObject({ is_leaving: false })
      expect(first!.node.roster.member(second!.id)).toMatchObject({ isLeaving: false })
      const go = new Call(third!, 'leave', { now: true, cancel: false })
      expect(await go.result).toMatchObject({ has_left: true })
      expect(go.events).toEqual([])
      expect(first!.node.roster.isAdmitted(third!.id)).toBe(false)
    })
  })

  it('is a vacation of 90 days at most', async () => {
    const test = new TestGrid({ peers: 2 })
    await test.tell(async () => {
      const [peer, other] = test.peers
      const now = peer!.machine.ports.clock.now()
      for (const until of [now - 1, now + 91 * DAY_MS]) {
        await expect(new Call(peer!, 'vacation', { until }).result).rejects.toThrow(UsageError)
      }
      const until = now + 90 * DAY_MS - 60_000
      expect(await new Call(peer!, 'vacation', { until }).result).toMatchObject({ missed: [] })
      expect(other!.node.roster.member(peer!.id)).toMatchObject({ awayUntil: until })
      await new Call(peer!, 'vacation', { until: null }).result
      expect(other!.node.roster.member(peer!.id)).not.toHaveProperty('awayUntil')
    })
  })

  it('is sending somebody away, but not oneself, nor the founder', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      const [founder, second, third] = test.peers
      const removing = (peer: string) => new Call(second!, 'remove', { peer }).result
      await expect(removing(second!.id)).rejects.toThrow('peer leave')
      await expect(removing(founder!.id)).rejects.toThrow('founded the grid')
      await expect(removing('12D3KooW')).rejects.toThrow('Nobody')
      expect(await removing(third!.id)).toMatchObject({ peer: third!.id })
      expect(founder!.node.roster.isAdmitted(third!.id)).toBe(false)
    })
  })

  it('is refused where it is nonsense', async () => {
    const test = new TestGrid({ peers: 1 })
    await test.tell(async () => {
      const [peer] = test.peers
      for (const [request, fields] of [
        ['invite', { expiresAt: 1 }],
        ['invite', { expiresAt: -1, isAutomatic: true, wait: false }],
        ['invite-wait', { id: 'ff' }],
        ['invite-cancel', { id: 7 }],
        ['vacation', {}],
        ['leave', { now: 'yes', cancel: false }],
        ['remove', {}],
      ] as const) {
        await expect(new Call(peer!, request, fields).result).rejects.toThrow()
      }
      expect(peer!.node.invites.list()).toEqual([])
    })
  })
})

function presence({ id, node }: TestPeer): Uint8Array {
  const { roster, spreader } = node
  const issuedAt = roster.newsTime('presence', id)
  return spreader.sign({ type: 'presence', subject: id, issuedAt, isLeaving: true })
}
