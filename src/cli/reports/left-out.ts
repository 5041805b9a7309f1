/** What a scan left out, as a command tells it. */

import type { PassedFolder, PassedWhy } from '../../ports/scan.ts'
import { escapeName, pathFields } from '../escape.ts'
import { formatItems } from '../format.ts'
import type { Output } from '../output.ts'

const WHY: Readonly<Record<Exclude<PassedWhy, 'link'>, string>> = {
  tag: 'it holds a tag that says so',
  mount: 'another file system is mounted there',
  system: 'the system shows itself there, and holds no files in it',
}

/** Who names more links than that knows what they are. */
const LINKS_TOLD = 3

/** What nobody asked to leave out is told one by one, the rest is counted. */
export function tellLeftOut(
  output: Output,
  { leftOut, passed }: { readonly leftOut: number; readonly passed: readonly PassedFolder[] },
): void {
  const links = passed.filter(({ why }) => why === 'link')
  for (const { folder, why } of passed) {
    output.json({ message_type: 'passed', why, ...pathFields(folder) })
    if (why === 'system') output.say(`${escapeName(folder)}: passed over: ${WHY[why]}`)
  }
  for (const { folder } of links.slice(0, LINKS_TOLD)) {
    output.warn(
      `${escapeName(folder)} is a link, and only that is kept: name what it leads to as well`,
    )
  }
  if (links.length > LINKS_TOLD) output.warn(`${links.length - LINKS_TOLD} more links likewise`)
  const asked = passed.filter(({ why }) => why === 'tag' || why === 'mount').length
  if (leftOut > 0) output.say(`${formatItems(leftOut, 'name')} left out by rules`)
  if (asked > 0) output.say(`${formatItems(asked, 'folder')} kept without content, by rules`)
}
