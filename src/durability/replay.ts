/**
 * Replay: which packs can be read when, where it is known who was up and down and who was lost.
 *
 * The same engine, with a script in place of chance: what another simulation or a real grid went through is
 * told, and the product's clocks and repair do the rest.
 */

import type { Code } from '../grid/code.ts'
import { Engine } from './engine.ts'
import { YEAR_DAYS, type Repairing, type Turn } from './world.ts'

/** One peer's story. All times are days. */
export interface Timeline {
  readonly domain: number
  /** Absences, ascending and apart. */
  readonly away: readonly { readonly from: number; readonly until: number }[]
  /** When it went for good with all that it held; absent if it never did. */
  readonly lostAt?: number
  readonly giveUpDays: number
}

export interface Story {
  readonly peers: readonly Timeline[]
  readonly code: Code
  /** For each pack and share: the index of the peer that holds it at first, −1 for none. */
  readonly holders: readonly (readonly number[])[]
  readonly repairing: Repairing
  readonly days: number
  /** Chooses among peers that could take a share. */
  readonly seed: number
}

export interface Told {
  /** For each pack: when it could be read from peers that were up; ascending and apart. */
  readonly readable: readonly (readonly { readonly from: number; readonly until: number }[])[]
  /** For each pack: when too few of its shares were left anywhere; `Infinity` for never. */
  readonly lostAt: Float64Array
  readonly sharesMade: number
  /** For each pack and share: the peers that have it in the end and are not gone. */
  readonly holders: readonly (readonly (readonly number[])[])[]
}

export function replay(story: Story): Told {
  const { peers, code, holders, repairing, days, seed } = story
  const script = peers.map(turnsOf)
  const engine = new Engine({
    peers: peers.map(({ domain, giveUpDays }) => ({
      domain,
      giveUpDays,
      rhythm: { hours: new Float64Array(0), zone: 0, luckHours: 1 },
      absences: [],
    })),
    code,
    packs: holders.length,
    placement: holders,
    lifetimes: [{ mean: Infinity, shape: 1 }],
    repairing,
    replacedDays: Infinity,
    script,
    isRenewed: false,
    years: days / YEAR_DAYS,
    seed,
  })
  const moments = momentsOf(script, repairing, days)
  const readable = holders.map((): { from: number; until: number }[] => [])
  engine.run(0, [], moments, (_, index) => {
    const from = moments[index]!
    const until = moments[index + 1] ?? days
    for (const [pack, spans] of readable.entries()) {
      if (!isReadable(engine, pack) || until <= from) continue
      const last = spans.at(-1)
      if (last?.until === from) last.until = until
      else spans.push({ from, until })
    }
  })
  const left = holders.map((shares, pack) =>
    shares.map((_, index) =>
      engine.book.holdersOf(pack * code.total + index).filter((peer) => !engine.isDead(peer)),
    ),
  )
  return { readable, lostAt: engine.lostAt, sharesMade: engine.sharesMade, holders: left }
}

function isReadable(engine: Engine, pack: number): boolean {
  const { book, world } = engine
  let found = 0
  for (let share = pack * book.total; share < (pack + 1) * book.total; share += 1) {
    if (book.holdersOf(share).some((peer) => engine.isHere(peer))) found += 1
  }
  return found >= world.code.needed
}

function turnsOf({ away, lostAt = Infinity }: Timeline): Turn[] {
  const turns = away.flatMap(({ from, until }): Turn[] => [
    { day: from, to: 'away' },
    { day: until, to: 'here' },
  ])
  const before = turns.filter(({ day }) => day < lostAt)
  return lostAt === Infinity ? before : [...before, { day: lostAt, to: 'gone' }]
}

/** Whenever anything may change: somebody comes or goes, or a check places shares. */
function momentsOf(script: readonly (readonly Turn[])[], repairing: Repairing, days: number) {
  const turns = script.flatMap((each) => each.map(({ day }) => day))
  const every = repairing.type === 'clocks' ? repairing.checkDays : days
  const checks = Array.from({ length: Math.ceil(days / every) }, (_, index) => index * every)
  const all = new Set([0, ...turns, ...checks].filter((day) => day < days))
  return [...all].toSorted((a, b) => a - b)
}
