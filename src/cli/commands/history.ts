/**
 * `cairn history`: every version of one file, and how each is stored.
 */

import type { Command } from 'commander'
import { UsageError } from '../../base/errors.ts'
import type { Span, Version } from '../../../protocol/tree.ts'
import { versionName } from '../../history/version-name.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeName, pathFields } from '../escape.ts'
import { formatBytes, formatInstant } from '../format.ts'
import { pathBytes } from '../options.ts'
import { withClient } from '../with-client.ts'

export function historyCommand(context: Context): Command {
  return makeCommand('history', {
    summary: 'show every version of a file',
    examples: ['cairn history ~/Documents/big.db', 'cairn history --json ~/Documents/big.db'],
  })
    .argument('<path>', 'a file or folder that was backed up')
    .action(async (path: string, options: CommonOptions) => history(context, path, options))
}

async function history(context: Context, path: string, options: CommonOptions): Promise<void> {
  await withClient(context, options, async ({ client, output }) => {
    const wanted = pathBytes(path, context.workingFolder)
    const found = await client.history(wanted, context.signal)
    if (found === undefined) {
      throw new UsageError(`${escapeName(wanted)} is in no snapshot; \`cairn ls\` shows what is`)
    }
    for (const version of found.versions) {
      const spans = found.spans.filter((span) => versionOf(span) === version.id)
      output.json(versionFields(wanted, version, spans))
      output.data(describeVersion(version, spans))
    }
    for (const span of found.spans.filter((each) => versionOf(each) === undefined)) {
      output.json({ message_type: 'span', ...pathFields(wanted), ...spanFields(span) })
      output.data(`${span.what.kind.padEnd(9)} ${snapshotsOf([span])}`)
    }
  })
}

function describeVersion(version: Version, spans: readonly Span[]): string {
  const modified = spans[0] && formatInstant(spans[0].attributes.mtime)
  return [
    versionName(version.id).padEnd(9),
    formatBytes(version.size).padStart(10),
    storedAs(version).padEnd(22),
    version.label.padEnd(8),
    snapshotsOf(spans).padEnd(18),
    modified ?? '',
  ]
    .join(' ')
    .trimEnd()
}

function versionFields(path: Uint8Array, version: Version, spans: readonly Span[]) {
  return {
    message_type: 'version',
    ...pathFields(path),
    version: version.id,
    size: version.size,
    label: version.label,
    stored_as: version.content.type,
    base_version: version.content.type === 'delta' ? version.content.base : undefined,
    spans: spans.map(spanFields),
  }
}

function spanFields(span: Span) {
  return {
    type: { file: 'file', folder: 'dir', symlink: 'symlink' }[span.what.kind],
    from_snapshot: span.from,
    until_snapshot: span.until,
    mtime: formatInstant(span.attributes.mtime),
    mode: span.attributes.mode,
  }
}

function storedAs({ content }: Version): string {
  return content.type === 'original' ? 'original' : `delta on ${versionName(content.base)}`
}

function versionOf(span: Span): number | undefined {
  return span.what.kind === 'file' ? span.what.version : undefined
}

/** `until` is the first snapshot that no longer shows it. */
function snapshotsOf(spans: readonly Span[]): string {
  if (spans.length === 0) return 'in no snapshot'
  return spans
    .map(({ from, until }) => {
      if (until === undefined) return `snapshot ${from} on`
      return until - 1 <= from ? `snapshot ${from}` : `snapshots ${from}–${until - 1}`
    })
    .join(', ')
}
