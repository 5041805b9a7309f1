/**
 * `cairn ls`: what a folder held at a snapshot.
 */

import { Option, type Command } from 'commander'
import { fileAttributes, type FileAttributes } from '../../history/file-attributes.ts'
import type { VisibleEntry } from '../../history/visible.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeLine, escapeName, pathFields } from '../escape.ts'
import { formatInstant, formatMode, KIND_WORDS } from '../format.ts'
import { pathBytes } from '../options.ts'
import { snapshotsText } from '../snapshot-range.ts'
import { echoSnapshot } from '../snapshot-fields.ts'
import { versionOf } from '../../history/version-name.ts'
import { withClient } from '../with-client.ts'

/** Of the longest, `app-consistent`. */
const LABEL_WIDTH = 14

interface ListOptions extends CommonOptions {
  readonly at: string
  readonly recursive?: boolean
  readonly long?: boolean
  readonly versions?: boolean
}

export function listCommand(context: Context): Command {
  return makeCommand('ls', {
    summary: 'list files as they were at a snapshot',
    details:
      'With --versions it lists what any snapshot shows: every state of each file, also of those that\n' +
      'are no more.',
    examples: [
      'cairn ls ~/Documents',
      'cairn ls --at 2026-11-20 --long --recursive ~/Documents',
      'cairn ls --versions .',
    ],
  })
    .argument('[path]', 'a folder or file; default: everything that was backed up', '/')
    .option('--at <when>', 'latest, a number, a date or an age such as 3d', 'latest')
    .option('-r, --recursive', 'what is in the folders too')
    .option('-l, --long', 'mode, owner, size, time and label too')
    .addOption(new Option('--versions', 'every state in any snapshot').conflicts(['at', 'long']))
    .action(async (path: string, options: ListOptions) =>
      options.versions === true
        ? await listVersions(context, path, options)
        : await list(context, path, options),
    )
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

async function listVersions(context: Context, path: string, options: ListOptions): Promise<void> {
  await withClient(context, options, async ({ client, output }) => {
    const listed = client.views.versions(
      pathBytes(path, context.workingFolder),
      { recursive: options.recursive === true },
      context.signal,
    )
    for await (const item of listed) {
      const { path: found } = item
      const isFolder = item.spans.at(-1)?.span.what.kind === 'folder'
      output.data(`${escapeName(found)}${isFolder ? '/' : ''}`)
      for (const { span, snapshots } of item.spans) {
        const { attributes, what } = span
        const version = versionOf(span, item.versions)
        output.json({
          message_type: 'version',
          ...pathFields(found),
          type: KIND_WORDS[what.kind],
          version: version?.id,
          size: version?.size,
          label: version?.label,
          mode: attributes.mode,
          mtime: formatInstant(attributes.mtime),
          snapshots,
        })
        // A folder's own states are those of what is in it.
        if (what.kind === 'folder') continue
        output.data(
          [
            ' ',
            snapshotsText(snapshots).padEnd(14),
            formatMode(what.kind, attributes.mode),
            String(version?.size ?? 0).padStart(12),
            formatInstant(attributes.mtime),
            version?.label ?? '',
          ]
            .join(' ')
            .trimEnd(),
        )
      }
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
    (entry.version?.label ?? '').padEnd(LABEL_WIDTH),
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
