/** What a restore could not set, in words: counts for people, each for JSON. */

import type { Unset, UnsetKind } from '../../restore/unset.ts'
import { NOT_ASKED } from '../../restore/unset.ts'
import { pathFields } from '../escape.ts'
import { formatItems } from '../format.ts'

export type UnsetCounts = Readonly<Partial<Record<UnsetKind, number>>>

const WORDS: Readonly<Record<UnsetKind, (items: string) => string>> = {
  owner: (items) => `The owner of ${items} could not be set: only root may do that`,
  mode: (items) => `The rights of ${items} could not be set on this file system`,
  setuid: (items) =>
    `${items} had setuid or setgid rights, which were not restored: --setuid does, as root`,
  capability: (items) =>
    `${items} had Linux capabilities, which were not restored: --setuid does, as root`,
  acl: (items) => `The ACL of ${items} could not be set on this file system`,
  xattr: (items) =>
    `Extended attributes of ${items} could not be set: not by this user, or not on this file system`,
  device: (items) => `${items} that stand for devices were not made: --devices does, as root`,
  link: (items) =>
    `${items} became copies: they could not be linked with what they were one file with`,
}

/** @returns a line for each kind of thing that is missing */
export function unsetWarnings(counts: UnsetCounts): string[] {
  return Object.entries(counts).map(([kind, count]) => {
    const items = formatItems(count, 'entry').replace('entrys', 'entries')
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its keys are kinds
    return WORDS[kind as UnsetKind](items)
  })
}

export function unsetFields({ path, kind, attribute, reason }: Unset) {
  return {
    message_type: 'not_set',
    ...pathFields(path),
    what: kind,
    ...(attribute === undefined ? {} : { attribute: pathFields(attribute).path }),
    reason,
    is_asked: reason !== NOT_ASKED,
  }
}
