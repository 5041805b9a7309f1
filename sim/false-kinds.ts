/**
 * False kinds: friends who do not keep what they say they keep, or do not give it back.
 *
 * Each runs the honest program, on a disk that forgets or behind a face that lies, but for the fuzzer, which runs none.
 * Whatever they do is within the protocol. A plan has as many as a safe pack can miss; more of them only `beyond`.
 */

import { PROTOCOL, type Response } from '../protocol/messages.ts'
import type { Disk } from '../src/ports/disk.ts'
import { HostileHolder } from './hostile-holder.ts'
import { HostileMember } from './hostile-member.ts'
import type { Guise, GuiseParts, KindPeer, PeerKind } from './kind.ts'
import type { SimRandom } from './random.ts'
import { twoFaced, type Answered, type Face } from './two-faced.ts'

/** Reads up to this size may be audits: a window of them. */
const AUDIT_SIZE_MAX = 64 * 1024

/** What a hoarder lends: it is full soon. */
const HOARD_SIZE = 3_000_000

const BUSY: Response = { type: 'error', code: 'busy', message: 'come again later' }
const FULL: Response = { type: 'error', code: 'full', message: 'no room is left here' }

const WEIGHT = { isFalse: true, weight: 0 } as const

export const FALSE_KINDS = {
  /** Drops a part of what it keeps, whole shares and leaves, and says nothing of it. */
  lazy: { ...WEIGHT, isSpoiling: true, wakeUp: dropSome },

  /** Says that it has all it was given, and gives bytes that are made up. It keeps manifests, and answers for them. */
  liar: {
    ...WEIGHT,
    guise: ({ random }) => faced({ change: (_, answered) => madeUp(answered, random) }),
  },

  /** Answers whatever may be an audit, and refuses to give more than that at once. */
  hostage: { ...WEIGHT, guise: () => faced({ change: (_, answered) => withheld(answered) }) },

  /** Takes part, and keeps nothing for anybody. */
  freeRider: {
    ...WEIGHT,
    guise: () => faced({ refuse: ({ type }) => (type === 'put' ? FULL : undefined) }),
  },

  /** Comes back from an old image of its disk, and so with old heads. */
  rollback: { ...WEIGHT, isSpoiling: true, wakeUp: rollBack },

  /** Never deletes a share, whoever tells it to, and is full soon. */
  hoarder: { ...WEIGHT, capacity: HOARD_SIZE, guise: () => ({ disk: hoarding }) },

  /** Its clock is days to years off and drifts. */
  wrongClock: {
    ...WEIGHT,
    clock: (random) => ({
      offsetMs: Math.round((random.chance(0.5) ? -1 : 1) * random.unit() ** 3 * 5 * YEAR_MS),
      ratePpm: random.between(-50_000, 50_000),
    }),
  },

  /** Says what the protocol allows, as chance has it. */
  fuzzer: { ...WEIGHT, guise: fuzzing },

  /** Goes for good after some weeks, sometimes with a word before. */
  leaver: { ...WEIGHT, wakeUp: goSomeDay },
} satisfies Readonly<Record<string, PeerKind>>

const DAY_MS = 24 * 3600_000
const YEAR_MS = 365 * DAY_MS

function faced(face: Face): Guise {
  return { network: (network) => twoFaced(network, PROTOCOL, face) }
}

function madeUp({ response, body }: Answered, random: SimRandom): Answered {
  return body === undefined ? { response } : { response, body: random.bytes(body.length) }
}

function withheld(answered: Answered): Answered {
  const size = answered.body?.length ?? 0
  return size > AUDIT_SIZE_MAX ? { response: BUSY } : answered
}

/** Of what came since yesterday. */
function dropSome({ random, once, shares }: KindPeer): void {
  const part = once((own) => own.pick([0.05, 0.3, 1]))
  for (const share of shares()) {
    if (!random.chance(part)) continue
    if (random.chance(0.5)) share.drop()
    else share.blank(random.unit())
  }
}

function rollBack({ day, once, takeImage, returnToImage }: KindPeer): void {
  const { from, age } = once((own) => ({ from: own.between(1, 4), age: own.between(1, 8) }))
  if (day === from) takeImage()
  if (day === from + age) returnToImage()
}

/** Life is exponential, of a month on average. */
function goSomeDay({ day, once, announceLeave, leave }: KindPeer): void {
  const { last, notice } = once((own) => ({
    last: 2 + Math.floor(own.exponential(30)),
    notice: own.pick([0, 0, 2, 7]),
  }))
  if (notice > 0 && day === Math.max(2, last - notice)) announceLeave()
  if (day === last) leave()
}

function hoarding(disk: Disk): Disk {
  const remove: Disk['remove'] = async (path) => {
    if (!path.endsWith('.share')) await disk.remove(path)
  }
  return new Proxy(disk, {
    get: (target, name) => {
      if (name === 'remove') return remove
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

function fuzzing({ key, grid, random }: GuiseParts): Guise {
  const accomplice = new HostileMember(grid, random.fork('accomplice'))
  const holder = new HostileHolder(key, accomplice, random.fork('holder'))
  return { program: (network) => holder.serve(network) }
}
