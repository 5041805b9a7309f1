/**
 * `cairn ls`: what a folder held at a snapshot.
 */

import type { Command } from 'commander'
import { fileAttributes, type FileAttributes } from '../../history/file-attributes.ts'
import type { VisibleEntry } from '../../history/visible.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeLine, escapeName, pathFields } from '../escape.ts'
import { formatInstant, formatMode, KIND_WORDS } from '../format.ts'
import { pathBytes } from '../options.ts'
import { echoSnapshot } from '../snapshot-fields.ts'
import { withClient } from '../with-client.ts'

interface ListOptions extends CommonOptions {
  readonly at: string
  readonly recursive?: boolean
  readonly long?: boolean
}

export function listCommand(context: Context): Command {
  return makeCommand('ls', {
    summary: 'list files as they were at a snapshot',
    examples: ['cairn ls ~/Documents', 'cairn ls --at 2026-11-20 --long --recursive ~/Documents'],
  })
    .argument('[path]', 'a folder or file; default: everything that was backed up', '/')
    .option('--at <when>', 'latest, a number, a date or an age such as 3d', 'latest')
    .option('-r, --recursive', 'what is in the folders too')
    .option('-l, --long', 'mode, owner, size and time too')
    .action(async (path: string, options: ListOptions) => list(context, path, options))
}

async function list(context: Context, path: string, options: ListOptions): Promise<void> {
  await withClient(context, options, async ({ client, output }) => {
    const row = await client.at(options.at, context.signal)
    echoSnapshot(output, row)
    const listed = client.list(
      row,
      pathBytes(path, context.workingFolder),
      { recursive: options.recursive === true },
      context.signal,
    )
    for await (const item of listed) {
      output.json(nodeFields(item.path, item.entry))
      output.data(describeEntry(item.path, item.entry, options.long === true))
    }
  })
}

function describeEntry(path: Uint8Array, entry: VisibleEntry, isLong: boolean): string {
  const { what } = entry.span
  const mark = what.kind === 'folder' ? '/' : ''
  const name = escapeName(path) + mark
  if (!isLong) return name
  const { attributes } = entry.span
  const owner = escapeLine(attributes.userName ?? String(attributes.uid))
  const group = escapeLine(attributes.groupName ?? String(attributes.gid))
  const target = what.kind === 'symlink' ? ` -> ${escapeName(what.target)}` : ''
  return [
    formatMode(what.kind, attributes.mode),
    owner.padEnd(8),
    group.padEnd(8),
    String(sizeOf(entry)).padStart(12),
    formatInstant(attributes.mtime),
    name + target,
  ].join(' ')
}

function nodeFields(path: Uint8Array, entry: VisibleEntry) {
  const { attributes, what } = entry.span
  return {
    message_type: 'node',
    ...pathFields(path),
    type: KIND_WORDS[what.kind],
    size: sizeOf(entry),
    mode: attributes.mode,
    permissions: formatMode(what.kind, attributes.mode),
    uid: attributes.uid,
    gid: attributes.gid,
    user: attributes.userName,
    group: attributes.groupName,
    mtime: formatInstant(attributes.mtime),
    version: entry.version?.id,
    label: entry.version?.label,
    ...(what.kind === 'symlink' ? { linktarget: pathFields(what.target).path } : {}),
    ...moreFields(fileAttributes(entry.span)),
  }
}

/** What most files do not have. */
function moreFields({ bornAt, device, xattrs, linkGroup, holes }: FileAttributes) {
  return {
    birthtime:
      bornAt === undefined ? undefined : formatInstant({ seconds: bornAt, nanoseconds: 0 }),
    ...(device === undefined ? {} : { device_major: device.major, device_minor: device.minor }),
    ...(linkGroup === undefined ? {} : { link_group: linkGroup }),
    ...(holes === undefined ? {} : { is_sparse: true }),
    ...(xattrs.length === 0 ? {} : { xattrs: xattrs.map(({ name }) => pathFields(name).path) }),
  }
}

function sizeOf(entry: VisibleEntry): number {
  return (
    entry.version?.size ?? (entry.span.what.kind === 'symlink' ? entry.span.what.target.length : 0)
  )
}
