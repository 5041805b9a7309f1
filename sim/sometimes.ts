/**
 * Sometimes: rare paths that stories ought to walk, and how often they did.
 *
 * A green run proves little if nothing happened in it. Each path here is noted when it is walked, most of them
 * from what the product itself logs. A batch of plans that allow a path and never walked it has lost sight of it.
 */

import type { EventType, Plan } from './plan.ts'
import type { Trace, TraceEvent } from './trace.ts'

interface Path {
  /** Whether a plan may lead there. */
  readonly isAllowed: (plan: Plan) => boolean
  /** Whether an event of the trace tells that it was walked; else whoever sees it notes it. */
  readonly isHeard?: (event: TraceEvent) => boolean
  /**
   * So many plans that allow it walk it once, at the least; 20 where absent. Chosen so that a batch of just so many
   * misses it once in ten thousand times, by how many of 1,391 plans walked it.
   */
  readonly plans?: number
}

const always = (): boolean => true
const log = (name: string, isRight: (fields: TraceEvent['fields']) => boolean = always) => ({
  isHeard: ({ event, fields }: TraceEvent) => event.endsWith(` ${name}`) && isRight(fields),
})
const isMore = (field: string) => (fields: TraceEvent['fields']) => Number(fields[field]) > 0

/** Plans with an event of one of these types. */
function having(...types: EventType[]): (plan: Plan) => boolean {
  return ({ events }) => events.some(({ type }) => types.includes(type))
}

/** Plans with a friend of one of these kinds. */
function isAnyOf({ peers }: Plan, ...kinds: string[]): boolean {
  return peers.some(({ kind }) => kinds.includes(kind))
}

/** Plans where commits or databases of somebody are lost. */
function losing(what: string, isLaptop?: boolean): (plan: Plan) => boolean {
  return ({ events }) =>
    events.some(
      (event) =>
        (event.type === 'crash' || event.type === 'cut') &&
        event.databases === what &&
        (isLaptop === undefined || (event.who === 'laptop') === isLaptop),
    )
}

export const PATHS = {
  'a run waited for its peers before it could publish': { isAllowed: always },
  'a run published while a friend was down': { isAllowed: always },
  'a run that was cut off had published': { isAllowed: having('crash', 'cut'), plans: 60 },
  'a run published before its end': {
    isAllowed: ({ events }) =>
      events.some((event) => event.type === 'backup' && event.checkpointMs !== undefined),
    plans: 30,
  },
  'a backup looked only where a watcher said so': {
    isAllowed: ({ events, options }) =>
      options.files === 'person' && events.some(({ type }) => type === 'watch'),
  },
  'a backup was held against the bound of its cost': { isAllowed: always },
  'a repair made a share again': { isAllowed: always },
  'a share was made again from k shares of others': { isAllowed: always, plans: 70 },
  'a share that had come back was counted again': {
    isAllowed: having('check', 'repair'),
    plans: 30,
  },
  'a chain was rebuilt': { isAllowed: ({ options }) => options.files === 'diary', plans: 60 },
  'a forget dropped snapshots': { isAllowed: having('forget'), plans: 50 },
  'a release was told': {
    isAllowed: having('gc'),
    ...log('shares released', isMore('shares')),
    plans: 60,
  },
  'a release was carried out': {
    isAllowed: (plan) => plan.days > 35 && having('gc')(plan),
    ...log('released shares removed'),
    plans: 300,
  },
  'a release was taken back': { isAllowed: having('gc'), ...log('releases cancelled'), plans: 150 },
  'shares that nobody adopted expired': {
    isAllowed: ({ days }) => days > 35,
    ...log('provisional shares expired'),
    plans: 150,
  },
  'a torn write was there after a power cut': {
    isAllowed: having('crash', 'cut'),
    plans: 80,
    isHeard: ({ event, fields }: TraceEvent) =>
      event === 'machine.crash' && Number(fields['torn']) > 0,
  },
  'commits were lost': {
    isAllowed: losing('losesCommits'),
    isHeard: ({ event, fields }: TraceEvent) =>
      event === 'machine.crash' && String(fields['losses']).includes('losesCommits'),
  },
  'accounts were counted anew from the share files': {
    isAllowed: losing('losesAll', false),
    ...log('share accounts recounted'),
  },
  'a bit turned over at a friend': { isAllowed: having('rot') },
  'a share was found to be bad': {
    isAllowed: having('rot'),
    isHeard: ({ event }: TraceEvent) =>
      ['a share is bad', 'share unreadable', 'peer gave wrong bytes', 'audit failed'].some((one) =>
        event.endsWith(` ${one}`),
      ),
    plans: 60,
  },
  'a peer gave no bytes, or wrong ones': {
    isAllowed: always,
    plans: 150,
    isHeard: ({ event }: TraceEvent) =>
      event.endsWith(' peer gave no bytes') || event.endsWith(' peer gave wrong bytes'),
  },
  'a failed read was replaced by another peer': { isAllowed: having('restore'), plans: 150 },
  'a restore failed, and said why': { isAllowed: having('restore'), plans: 100 },
  'an fsync failed': { isAllowed: having('syncError') },
  'a read failed': { isAllowed: having('readError') },
  'a disk was full': { isAllowed: having('full') },
  'shares waited for room or better times at a friend': {
    isAllowed: having('full', 'syncError'),
    plans: 40,
  },
  'a clock was set by more than a month': { isAllowed: having('clock') },
  'a partition healed in the middle of a run': {
    isAllowed: having('split', 'oneWay', 'partial', 'stall', 'swizzle', 'sever'),
  },
  'friends went away between two messages': { isAllowed: having('sever') },
  'a connection broke in the middle of a run': { isAllowed: having('reset') },
  'a lid was closed in the middle of a run': { isAllowed: having('lid') },
  'a friend moved': { isAllowed: having('move') },
  'a friend led others to one who only dials out': {
    isAllowed: ({ peers }) => peers.some(({ way }) => way === 'walled'),
    ...log('a friend leads others to us'),
  },
  'a relay allowed no more': {
    isAllowed: ({ peers }) =>
      peers.some(({ way }) => way === 'walled') && peers.some(({ relay }) => relay !== undefined),
    isHeard: ({ event, fields }: TraceEvent) =>
      event === 'net.broken' && fields['why'] === 'the relay allows no more',
    plans: 100,
  },
  'a friend who was gone for good was replaced': { isAllowed: having('lose'), plans: 40 },
  'somebody who joined got shares': { isAllowed: having('join'), plans: 40 },
  'a client whose state was old followed a higher head': {
    isAllowed: having('image'),
    ...log('local state behind the grid', isMore('known')),
    plans: 60,
  },
  'a helper renewed and looked': {
    isAllowed: having('help'),
    ...log('helped', isMore('renewed')),
  },
  'a helper made a share again': { isAllowed: having('help'), ...log('helped', isMore('placed')) },
  'a helper found that its cap had ended': {
    isAllowed: (plan) => having('help')(plan) && having('recover', 'thief')(plan),
    ...log('helping ended: the vault has a newer device, ask its owner for a new cap'),
    plans: 40,
  },
  'what a thief released was taken back': { isAllowed: having('thief') },
  'an audit found what a friend dropped or made up': {
    isAllowed: (plan) => isAnyOf(plan, 'lazy', 'liar') && having('audit', 'check')(plan),
    ...log('audit failed'),
    plans: 40,
  },
  'a friend gave no more than an audit asks for': {
    isAllowed: (plan) => isAnyOf(plan, 'hostage') && having('restore')(plan),
    isHeard: ({ event, fields }: TraceEvent) =>
      event.endsWith(' peer gave no bytes') && String(fields['why']).includes('come again later'),
    plans: 40,
  },
  'heads that a friend had signed for were missed there': {
    isAllowed: (plan) => isAnyOf(plan, 'rollback'),
    ...log('heads contradict', ({ kind }) => kind === 'rollback'),
    plans: 40,
  },
  'a friend who leaves said so before': {
    isAllowed: (plan) => isAnyOf(plan, 'leaver'),
    plans: 60,
  },
  'a client recovered with the words': { isAllowed: having('recover') },
  'a friend with an older head was seen': { isAllowed: having('check'), plans: 30 },
} satisfies Readonly<Record<string, Path>>

export type PathName = keyof typeof PATHS

const NAMES = Object.keys(PATHS) as PathName[]

/** Events of the trace that paths are heard in begin so. */
const TOLD = ['log.', 'machine.', 'net.broken'] as const

/** Plans that a batch has at least, if what it never did is to mean anything. */
export const BATCH_MIN = 20

export class Sometimes {
  readonly #counts = new Map<PathName, number>()

  /** @returns how often each path was walked, those that never were left out */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts)
  }

  count(path: PathName): number {
    return this.#counts.get(path) ?? 0
  }

  note(path: PathName): void {
    this.#counts.set(path, (this.#counts.get(path) ?? 0) + 1)
  }

  /** Note what the trace tells from now on. */
  listen(trace: Trace): void {
    const heard = NAMES.flatMap((name) => {
      const path: Path = PATHS[name]
      return path.isHeard === undefined ? [] : [{ name, isHeard: path.isHeard }]
    })
    trace.listen((event) => {
      if (!TOLD.some((one) => event.event.startsWith(one))) return
      for (const { name, isHeard } of heard) if (isHeard(event)) this.note(name)
    })
  }
}

/** What the plans of a batch walked, all together. */
export class SometimesOfAll {
  readonly #counts = new Map<PathName, number>()
  readonly #allowed = new Map<PathName, number>()

  add(plan: Plan, counts: Readonly<Record<string, number>>): void {
    for (const name of NAMES) {
      const path: Path = PATHS[name]
      if (path.isAllowed(plan)) this.#allowed.set(name, (this.#allowed.get(name) ?? 0) + 1)
      const count = counts[name] ?? 0
      if (count > 0) this.#counts.set(name, (this.#counts.get(name) ?? 0) + count)
    }
  }

  /** One line for each path. */
  get lines(): readonly string[] {
    return NAMES.map((name) => {
      const count = String(this.#counts.get(name) ?? 0).padStart(7)
      return `${count} × ${name} (${this.#allowed.get(name) ?? 0} plans allow it)`
    })
  }

  /** Paths that were never walked though so many plans allow them that one of them should have. */
  get missed(): readonly PathName[] {
    return NAMES.filter((name) => {
      const { plans = BATCH_MIN }: Path = PATHS[name]
      return !this.#counts.has(name) && (this.#allowed.get(name) ?? 0) >= plans
    })
  }
}
