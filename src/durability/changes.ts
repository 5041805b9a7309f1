/**
 * Changes: what a person can really do for a group, one thing at a time.
 */

import { codeFor, type Code } from '../grid/code.ts'
import type { GroupPeer, Plan } from './group.ts'

/** A person who knows that a friend is gone tells the program within so many days. */
export const KNOWN_DAYS = 3

/** Where nobody ever came in place of who left. */
const FIRST_REPLACED_DAYS = 90

const SOONER = 3

export type Change = { readonly plan: Plan } & (
  | { readonly type: 'friend' }
  | { readonly type: 'nas' }
  | { readonly type: 'always-on'; readonly name: string }
  | { readonly type: 'other-house'; readonly name: string; readonly house: string }
  | { readonly type: 'code'; readonly code: Code }
  | { readonly type: 'repair-by-hand'; readonly days: number }
  | { readonly type: 'replace'; readonly days: number }
)

/** @param isCodeGiven - the code stays what it is, however many friends there are */
export function changesOf(plan: Plan, isCodeGiven: boolean): Change[] {
  const { group, code, replacedDays } = plan
  const withOne = (kind: GroupPeer['kind']): Plan => {
    const name = freeName(group)
    const grown = [...group, { name, kind, house: name }]
    // A code for fewer peers than before would lose shares that there are; nobody would ask for it.
    const own = codeFor(grown.length, { allowFew: true })
    return { ...plan, group: grown, code: isCodeGiven || own.total < code.total ? code : own }
  }
  const laptop = group.find(({ kind }) => kind === 'laptop')
  const shared = group.find(({ house }, index) =>
    group.slice(0, index).some((other) => other.house === house),
  )
  const days = replacedDays === Infinity ? FIRST_REPLACED_DAYS : Math.ceil(replacedDays / SOONER)
  return [
    { type: 'friend', plan: withOne('laptop') },
    { type: 'nas', plan: withOne('nas') },
    ...(laptop === undefined ? [] : [alwaysOn(plan, laptop)]),
    ...(shared === undefined ? [] : [elsewhere(plan, shared)]),
    ...otherCodes(plan).map((other): Change => {
      return { type: 'code', code: other, plan: { ...plan, code: other } }
    }),
    { type: 'repair-by-hand', days: KNOWN_DAYS, plan: { ...plan, knownDays: KNOWN_DAYS } },
    ...(days < replacedDays
      ? [{ type: 'replace', days, plan: { ...plan, replacedDays: days } } as const]
      : []),
  ]
}

/** One share more, or one fewer that it takes; weaker ones cost safety and are no help. */
function otherCodes({ group, code: { needed, total } }: Plan): Code[] {
  const codes: Code[] = []
  if (total < group.length) codes.push({ needed, total: total + 1 })
  if (needed > 1) codes.push({ needed: needed - 1, total })
  return codes
}

function alwaysOn(plan: Plan, peer: GroupPeer): Change {
  const { name, house } = peer
  const group = plan.group.map((each) =>
    each === peer ? ({ name, house, kind: 'nas' } as const) : each,
  )
  return { type: 'always-on', name, plan: { ...plan, group } }
}

function elsewhere(plan: Plan, peer: GroupPeer): Change {
  const group = plan.group.map((each) =>
    each === peer ? { ...peer, house: freeName(plan.group) } : each,
  )
  return { type: 'other-house', name: peer.name, house: peer.house, plan: { ...plan, group } }
}

/** @returns a name that no peer and no house has */
function freeName(group: readonly GroupPeer[]): string {
  const taken = new Set(group.flatMap(({ name, house }) => [name, house]))
  let number = group.length + 1
  while (taken.has(`new-${number}`)) number += 1
  return `new-${number}`
}
