/** All tools, in the order of the table's rows. */

import { cairn } from './cairn.ts'
import { borg, duplicity, rdiffBackup, restic } from './others.ts'
import { rdiff } from './rdiff.ts'
import type { Tool } from './tool.ts'

export const TOOLS: readonly Tool[] = [cairn, restic, borg, duplicity, rdiffBackup, rdiff]

export function toolNamed(name: string): Tool | undefined {
  return TOOLS.find((each) => each.name === name)
}
