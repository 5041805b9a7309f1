/**
 * `cairn diff`: what differs between two snapshots.
 */

import type { Command } from 'commander'
import type { ChangeKind, Difference } from '../../history/compare-snapshots.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeName, pathFields } from '../escape.ts'
import { formatBytes, formatItems, formatTime, KIND_WORDS } from '../format.ts'
import { pathBytes } from '../options.ts'
import type { Output } from '../output.ts'
import { snapshotFields } from '../snapshot-fields.ts'
import { toPath } from '../../source/path.ts'
import { withClient } from '../with-client.ts'

interface DiffOptions extends CommonOptions {
  readonly path: string
  readonly metadata?: boolean
}

/** As `restic diff` marks them. */
const MARKS: Readonly<Record<ChangeKind, string>> = {
  added: '+',
  removed: '-',
  content: 'M',
  metadata: 'U',
  type: 'T',
}

export function diffCommand(context: Context): Command {
  return makeCommand('diff', {
    summary: 'show what differs between two snapshots',
    details:
      '+ added, - removed, M content changed, T became something else; with --metadata U other mode,\n' +
      'owner or time. What only one of them had as a source was neither added nor removed.',
    examples: ['cairn diff 3d latest', 'cairn diff --metadata --path ~/Documents 112 115'],
  })
    .argument('<a>', 'a snapshot: latest, a number, a date or an age such as 3d')
    .argument('<b>', 'another')
    .option('--path <path>', 'only what is there', '/')
    .option('--metadata', 'what differs in mode, owner or time only, too')
    .action(async (a: string, b: string, options: DiffOptions) => {
      await withClient(context, options, async ({ client, output }) => {
        const { signal, workingFolder } = context
        const before = await client.at(a, signal)
        const after = await client.at(b, signal)
        for (const row of [before, after]) output.json(snapshotFields(row))
        output.say(
          `snapshot ${before.sequence} of ${formatTime(before.startedAt)} and ` +
            `snapshot ${after.sequence} of ${formatTime(after.startedAt)}`,
        )
        const totals = new Totals()
        const path = pathBytes(options.path, workingFolder)
        for await (const difference of client.views.diff({ before, after }, path, signal)) {
          totals.add(difference)
          if (difference.change !== 'metadata' || options.metadata === true)
            tell(output, difference)
        }
        totals.tell(output)
      })
    })
}

function tell(output: Output, { path, change, before, after }: Difference): void {
  const entry = after ?? before
  const isFolder = entry?.span.what.kind === 'folder'
  const kind = entry?.span.what.kind
  const bytes = toPath(path)
  output.json({
    message_type: 'change',
    ...pathFields(bytes),
    modifier: MARKS[change],
    type: kind === undefined ? undefined : KIND_WORDS[kind],
    size_before: before?.version?.size,
    size_after: after?.version?.size,
  })
  output.data(`${MARKS[change]}  ${escapeName(bytes)}${isFolder ? '/' : ''}`)
}

class Totals {
  readonly #counts: Record<ChangeKind, number> = {
    added: 0,
    removed: 0,
    content: 0,
    metadata: 0,
    type: 0,
  }
  #bytesBefore = 0
  #bytesAfter = 0

  add({ change, before, after }: Difference): void {
    this.#counts[change] += 1
    if (change === 'metadata') return
    this.#bytesBefore += before?.version?.size ?? 0
    this.#bytesAfter += after?.version?.size ?? 0
  }

  tell(output: Output): void {
    const { added, removed, content, metadata, type } = this.#counts
    output.json({
      message_type: 'statistics',
      added,
      removed,
      changed: content,
      metadata_changed: metadata,
      type_changed: type,
      bytes_before: this.#bytesBefore,
      bytes_after: this.#bytesAfter,
    })
    output.say(
      `${formatItems(added, 'item')} added, ${removed} removed, ${content} changed, ` +
        `${metadata} in mode, owner or time only, ${type} became something else: ` +
        `${formatBytes(this.#bytesBefore)} before, ${formatBytes(this.#bytesAfter)} after`,
    )
  }
}
