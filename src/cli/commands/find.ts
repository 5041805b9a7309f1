/**
 * `cairn find`: which snapshots hold what.
 */

import { InvalidArgumentError, Option, type Command } from 'commander'
import type { Span } from '../../../protocol/tree.ts'
import { chooseRange, snapshotsText } from '../snapshot-range.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeName, pathFields } from '../escape.ts'
import { EXIT } from '../exit-code.ts'
import { formatInstant, formatItems, formatMode, KIND_WORDS, parseSize } from '../format.ts'
import { pathBytes } from '../options.ts'
import { PathPattern } from '../../source/path-pattern.ts'
import { toMoment } from '../../node/when.ts'
import { typedPattern } from '../typed-bytes.ts'
import { withClient, type ClientSession } from '../with-client.ts'

/** As find(1) calls kinds. */
const TYPES = { f: 'file', d: 'folder', l: 'symlink' } as const

interface SizeRange {
  readonly min: number
  readonly max: number
}

interface FindOptions extends CommonOptions {
  readonly path: string
  readonly at?: string
  readonly ignoreCase?: boolean
  readonly type?: keyof typeof TYPES
  readonly newer?: string
  readonly older?: string
  readonly size?: SizeRange
}

export function findCommand(context: Context): Command {
  return makeCommand('find', {
    summary: 'find files in all snapshots',
    details:
      'A pattern has * ? and [ ] within a name and ** for any folders; with a slash at the front it is\n' +
      'about whole paths, without about any part of them. Each line is one state of a file, with the\n' +
      'snapshots that show it.',
    examples: [
      'cairn find "*.jpg"',
      'cairn find --path ~/Documents --newer 3d --size +10M "*"',
      'cairn find --at 2026-11-20 letters/first.txt',
    ],
  })
    .argument('<pattern...>', 'names or paths to find')
    .option('--path <folder>', 'only in this folder', '/')
    .option('--at <when>', 'only in this snapshot: latest, a number, a date or an age such as 3d')
    .option('-i, --ignore-case', 'upper and lower case are one')
    .addOption(
      new Option('--type <kind>', 'f: files, d: folders, l: links').choices(Object.keys(TYPES)),
    )
    .option('--newer <when>', 'modified after: a date or an age such as 3d')
    .option('--older <when>', 'modified before: a date or an age such as 3d')
    .option('--size <size>', 'files of at least +10M, at most -10M, or just 10M', sizeRange)
    .action(async (patterns: string[], options: FindOptions) => {
      await withClient(context, options, async (session) =>
        find(context, session, patterns, options),
      )
    })
}

async function find(
  context: Context,
  { client, output }: ClientSession,
  texts: readonly string[],
  options: FindOptions,
): Promise<void> {
  const ignoreCase = options.ignoreCase === true
  const patterns = texts.map((text) => new PathPattern(typedPattern(text), { ignoreCase }))
  const isMeant = spanFilter(options)
  const row = options.at === undefined ? undefined : await client.at(options.at, context.signal)
  const range = chooseRange(row?.sequence)
  let count = 0
  const found = client.views.find(
    {
      path: pathBytes(options.path, context.workingFolder),
      isWanted: (path, span) => isMeant(span) && patterns.some((pattern) => pattern.matches(path)),
      onUnreadable: (path, error) => {
        context.exit = EXIT.unrecoverable
        output.itemFailed(escapeName(path), error, { during: 'find', ...pathFields(path) })
      },
    },
    context.signal,
  )
  for await (const { path, span, snapshots } of found) {
    const shown = snapshots.filter(range)
    if (shown.length === 0) continue
    count += 1
    const { attributes, what } = span
    output.json({
      message_type: 'match',
      ...pathFields(path),
      type: KIND_WORDS[what.kind],
      size: attributes.size,
      mode: attributes.mode,
      mtime: formatInstant(attributes.mtime),
      snapshots: shown,
    })
    const mark = what.kind === 'folder' ? '/' : ''
    output.data(
      [
        snapshotsText(shown).padEnd(14),
        formatMode(what.kind, attributes.mode),
        String(what.kind === 'folder' ? 0 : attributes.size).padStart(12),
        formatInstant(attributes.mtime),
        escapeName(path) + mark,
      ].join(' '),
    )
  }
  if (count === 0) output.say('Nothing found')
  else output.say(formatItems(count, 'match').replace(/matchs$/, 'matches'))
}

/** @throws {NoSuchSnapshotError} a date or an age is none */
function spanFilter(options: FindOptions): (span: Span) => boolean {
  const now = Date.now()
  const after = options.newer === undefined ? -Infinity : toMoment(options.newer, now)
  const before = options.older === undefined ? Infinity : toMoment(options.older, now)
  const { size, type } = options
  return ({ attributes: { mtime, ...attributes }, what }) => {
    const modified = mtime.seconds * 1000 + mtime.nanoseconds / 1e6
    if (modified <= after || modified >= before) return false
    if (type !== undefined && what.kind !== TYPES[type]) return false
    if (size === undefined) return true
    return what.kind === 'file' && attributes.size >= size.min && attributes.size <= size.max
  }
}

function sizeRange(text: string): SizeRange {
  const size = parseSize(text.replace(/^[+-]/, ''))
  if (size === undefined)
    throw new InvalidArgumentError('Expected a size such as +10M, -1k or 500.')
  if (text.startsWith('+')) return { min: size, max: Infinity }
  return { min: text.startsWith('-') ? 0 : size, max: size }
}
