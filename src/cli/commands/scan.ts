/**
 * `cairn scan`: find what changed, and queue it.
 */

import type { Command } from 'commander'
import { FilesError } from '../../base/errors.ts'
import type { ScanVerdict } from '../../node/client.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeName, escapeText, pathFields } from '../escape.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { formatBytes, formatCount, formatDuration, formatItems } from '../format.ts'
import { pathBytes } from '../options.ts'
import { tellLeftOut } from '../reports/left-out.ts'
import { readSources, withSourceOptions, type SourceOptions } from '../source-options.ts'
import { systemWords } from '../system-words.ts'
import { giveWay } from '../upload-options.ts'
import { tellingProgress, withClient, withProgress, type ClientSession } from '../with-client.ts'

interface ScanOptions extends CommonOptions, SourceOptions {
  readonly hashCheck?: boolean
  readonly quick?: boolean
  readonly explain?: string
}

export function scanCommand(context: Context): Command {
  const command = makeCommand('scan', {
    summary: 'find what changed, and queue it for "cairn upload"',
    details:
      'Nothing is sent, so no friend needs to be there. A scan may be stopped and repeated at any\n' +
      'time: the queue is what the last one found, and what was read already is not read again.',
    examples: [
      'cairn scan ~/Documents && cairn upload',
      "cairn scan ~ --exclude '*.iso' --explain ~/Downloads/linux.iso",
    ],
  })
  return withSourceOptions(command)
    .argument('[path...]', 'what to back up; default: backup.paths in config.toml')
    .option('--hash-check', 'queue every file, whatever its times say')
    .option('--quick', 'have "cairn upload" read only the ends of files that grew')
    .option('--explain <path>', 'say by which rule PATH is in or out, and do nothing else')
    .action(async (paths: string[], options: ScanOptions) => {
      await withClient(context, options, async (session) => {
        try {
          context.exit = await scan(context, session, paths, options)
        } catch (error) {
          // Not one of the paths is there: nothing was done, and nothing is broken.
          if (!(error instanceof FilesError)) throw error
          session.output.failed(error, EXIT.incomplete)
          context.exit = EXIT.incomplete
        }
      })
    })
}

async function scan(
  context: Context,
  session: ClientSession,
  paths: readonly string[],
  options: ScanOptions,
): Promise<ExitCode> {
  const { client, output } = session
  const sources = readSources(context, session, paths, options)
  if (options.explain !== undefined) {
    const path = pathBytes(options.explain, context.workingFolder)
    tellVerdict(session, path, await client.explain(sources, path, context.signal))
    return EXIT.ok
  }
  giveWay(session.config, {})
  const startedAt = context.now()
  const how = { isHashCheck: options.hashCheck === true, isQuick: options.quick === true }
  const { totals, queued, passed, failures } = await withProgress(context, output, (progress) =>
    client.scan({ ...sources, ...how, ...tellingProgress(output, progress) }, context.signal),
  )
  const durationMs = context.now() - startedAt
  output.json({
    message_type: 'summary',
    files_waiting: queued.waiting.files,
    bytes_waiting: queued.waiting.bytes,
    ready: queued.ready,
    gone: queued.gone,
    files_unmodified: totals.unmodified,
    total_files_processed: totals.files,
    total_dirs_processed: totals.folders,
    total_bytes_processed: totals.bytes,
    unsupported: totals.unsupported,
    excluded: totals.leftOut,
    error_count: failures.length,
    total_duration: durationMs / 1000,
  })
  output.data(
    `scanned  ${formatCount(totals.files)} files, ${formatBytes(totals.bytes)}, ` +
      `in ${formatDuration(durationMs)}: ${formatCount(totals.unmodified)} unchanged`,
  )
  output.data(
    `queued   ${formatItems(queued.waiting.files, 'file')} to read, ` +
      `${formatBytes(queued.waiting.bytes)}; ${formatItems(queued.ready, 'path')} ready, ` +
      `${formatCount(queued.gone)} gone`,
  )
  tellLeftOut(output, { ...totals, passed })
  if (failures.length === 0) return EXIT.ok
  output.say(`${formatItems(failures.length, 'item')} could not be read: see above`)
  return EXIT.incomplete
}

const WORDS: Readonly<Record<ScanVerdict['why'], string>> = {
  source: 'it was named',
  above: 'a path that was named lies in it; of this folder only itself is kept',
  below: 'it lies in a path that was named, and no rule leaves it out',
  outside: 'it lies in no path that was named',
  excluded: 'it is Cairn’s own state',
  pattern: 'a pattern matches',
  tag: 'a tag in its folder says so',
  size: 'it is larger than --exclude-larger-than allows',
  mount: 'it lies on another file system',
  system: 'the system shows itself there, and holds no files in it',
  kind: 'it is a socket, a pipe or a device',
  trouble: 'it could not be seen',
  absent: 'there is no such path',
}

function tellVerdict({ output }: ClientSession, path: Uint8Array, verdict: ScanVerdict): void {
  const { isIn, why, at, detail } = verdict
  const rule = why === 'trouble' ? (systemWords(detail) ?? detail) : detail
  output.json({
    message_type: 'explanation',
    ...pathFields(path),
    is_in: isIn,
    why,
    at: pathFields(at).path,
    ...(detail === '' ? {} : { rule: detail }),
  })
  const place = Buffer.from(at).equals(Buffer.from(path)) ? '' : ` (${escapeName(at)})`
  const words = `${WORDS[why]}${rule === '' ? '' : `: ${escapeText(rule)}`}`
  output.data(`${isIn ? 'in' : 'out'}: ${escapeName(path)}: ${words}${place}`)
}
