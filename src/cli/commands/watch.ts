/**
 * `cairn watch`: back up what changes, soon after it changed.
 */

import { Option, type Command } from 'commander'
import { FolderWatch } from '../../adapters/folder-watch.ts'
import { NodeClock } from '../../adapters/node-clock.ts'
import { LockedError } from '../../base/errors.ts'
import type { BackupSummary, Client, Hints, UploadRequest } from '../../node/client.ts'
import { followed, Follower, type Followed, type FollowerEvent } from '../../node/follower.ts'
import type { PathBytes } from '../../ports/files.ts'
import { readConfig } from '../config.ts'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { escapeName, pathFields } from '../escape.ts'
import { EXIT } from '../exit-code.ts'
import { formatDuration, formatItems } from '../format.ts'
import { findHome } from '../home.ts'
import { withHooks, type HookFacts } from '../hooks.ts'
import { countOption, durationOption } from '../options.ts'
import { describe, type Output } from '../output.ts'
import { backupExitCode, reportBackup } from '../reports/backup.ts'
import {
  readSources,
  withSourceOptions,
  type SourceOptions,
  type Sources,
} from '../source-options.ts'
import { systemWords } from '../system-words.ts'
import { giveWay, readUpload, withUploadOptions, type UploadOptions } from '../upload-options.ts'
import { tellingProgress, withClient, withProgress } from '../with-client.ts'

const QUIET_SECONDS = 60
const QUIET_SECONDS_MAX = 86_400

const DAY_MS = 86_400_000

/** Between two looks at a home that another command holds. */
const LOCKED_MS = 2_000

/** A month: by then nobody would call it now and then. */
const WALK_MS_MAX = 31 * DAY_MS

interface WatchOptions extends CommonOptions, SourceOptions, UploadOptions {
  readonly quiet: number
  readonly fullWalk: number
}

export function watchCommand(context: Context): Command {
  const command = makeCommand('watch', {
    summary: 'back up what changes, soon after it changed',
    details:
      'Runs until it is stopped. It begins with a backup, then looks only where the system says that\n' +
      'something changed, once that was quiet for a while. Since a system does not tell everything, all is\n' +
      'walked once a day. Other commands work meanwhile.',
    examples: ['cairn watch ~/Documents', 'cairn watch --quiet 300 --full-walk 12h'],
  })
  return withUploadOptions(withSourceOptions(command))
    .argument('[path...]', 'what to back up; default: backup.paths in config.toml')
    .addOption(
      new Option('--quiet <seconds>', 'how long nothing may change before what did is backed up')
        .argParser(countOption(0, QUIET_SECONDS_MAX))
        .default(QUIET_SECONDS),
    )
    .addOption(
      new Option('--full-walk <time>', 'how often everything is looked at, for instance 12h')
        .argParser(durationOption(WALK_MS_MAX))
        .default(DAY_MS, '1d'),
    )
    .action((paths: string[], options: WatchOptions) => runWatch(context, paths, options))
}

async function runWatch(
  context: Context,
  args: readonly string[],
  options: WatchOptions,
): Promise<void> {
  const output = outputOf(context, options)
  const home = findHome(context.env, context.workingFolder)
  const config = readConfig(home.configFile)
  const clock = new NodeClock()
  const sources = await onceFree(context, { output, clock }, () =>
    withClient(context, options, async ({ client }) => {
      const asked = readSources(context, { config, home }, args, options)
      return { ...asked, paths: await client.rootsOf(asked) }
    }),
  )
  if (sources === undefined) return
  giveWay(config, options)
  const work = new WatchedBackups(context, output, sources, options)
  const follower = new Follower(
    {
      clock,
      watching: new FolderWatch({ stallMs: 1_000 * config.backup['stall-seconds'] }),
      walk: (roots) => work.walk(roots),
      look: (roots, hints) => work.look(roots, hints),
      onEvent: (event) => tell(output, event),
    },
    { quietMs: 1_000 * options.quiet, walkMs: options.fullWalk },
  )
  const { exclude: excluded, rules } = sources
  try {
    await follower.run({ roots: sources.paths, excluded, rules }, context.signal)
  } catch (error) {
    // Nothing was cut short.
    if (!context.signal.aborted || work.isBusy) throw error
    context.exit = EXIT.ok
  }
}

/**
 * Wait while another command holds the home, as between backups.
 *
 * @returns nothing if it was told to end before
 */
async function onceFree<T>(
  context: Context,
  { output, clock }: { readonly output: Output; readonly clock: NodeClock },
  work: () => Promise<T>,
): Promise<T | undefined> {
  let hasSaid = false
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof LockedError)) throw error
    }
    if (!hasSaid) {
      output.json({ message_type: 'waiting' })
      output.warn('Another Cairn command is at work: this one begins when it has ended')
    }
    hasSaid = true
    try {
      await clock.sleep(LOCKED_MS, context.signal)
    } catch {
      context.exit = EXIT.ok
      return undefined
    }
  }
}

/** Backups of what is watched; the home is open only while one runs. */
class WatchedBackups {
  readonly #context: Context
  readonly #output: Output
  readonly #sources: Sources
  readonly #options: WatchOptions
  isBusy = false

  constructor(context: Context, output: Output, sources: Sources, options: WatchOptions) {
    this.#context = context
    this.#output = output
    this.#sources = sources
    this.#options = options
  }

  /** Hooks are run around a walk only: what they write would be one more change to be looked at. */
  async walk(roots: readonly PathBytes[]): Promise<Followed> {
    const context = this.#context
    const config = readConfig(findHome(context.env, context.workingFolder).configFile)
    const { host, tags = [] } = readUpload(context, config, this.#options)
    const facts: HookFacts = {
      paths: roots.map((root) => Buffer.from(root).toString()),
      host,
      tags,
    }
    let done: Followed = { sequence: undefined, skipped: [] }
    await withHooks(context, this.#output, config.hooks, facts, async () => {
      const summary = await this.#backup((client, request) =>
        client.backup({ ...request, paths: roots }, context.signal),
      )
      done = followed(summary)
      context.exit = backupExitCode(summary)
      if (done.sequence !== undefined) facts.snapshot = done.sequence
      facts.skipped = done.skipped.length
    })
    return done
  }

  async look(roots: readonly PathBytes[], hints: Hints): Promise<Followed | 'unchanged' | 'stale'> {
    const summary = await this.#backup((client, request) =>
      client.backupHinted({ ...request, paths: roots, hints }, this.#context.signal),
    )
    return typeof summary === 'string' ? summary : followed(summary)
  }

  async #backup<T extends BackupSummary | string>(
    work: (client: Client, request: Sources & UploadRequest) => Promise<T>,
  ): Promise<T> {
    const context = this.#context
    const startedAt = context.now()
    const summary = await this.#during(() =>
      withClient(context, this.#options, ({ client, config }) =>
        withProgress(context, this.#output, (progress) =>
          work(client, {
            ...this.#sources,
            ...readUpload(context, config, this.#options),
            ...tellingProgress(this.#output, progress),
          }),
        ),
      ),
    )
    if (typeof summary !== 'string') {
      reportBackup(this.#output, summary, context.now() - startedAt)
    }
    return summary
  }

  /** What an interruption cuts short stays busy. */
  async #during<T>(work: () => Promise<T>): Promise<T> {
    this.isBusy = true
    try {
      const result = await work()
      this.isBusy = false
      return result
    } catch (error) {
      this.isBusy = this.#context.signal.aborted
      throw error
    }
  }
}

const LIMITS: Readonly<Record<string, string>> = {
  ENOSPC:
    'the system watches no more folders for this user (raise fs.inotify.max_user_watches with sysctl)',
  EMFILE: 'too many programs watch folders (raise fs.inotify.max_user_instances with sysctl)',
  ENOSYS: 'this system does not tell Cairn of changes',
}

function tell(output: Output, event: FollowerEvent): void {
  switch (event.type) {
    case 'ready':
      output.json({ message_type: 'watching', folders: event.folders })
      output.data(`watching ${formatItems(event.folders, 'folder')}`)
      break
    case 'idle':
      output.json({ message_type: 'idle' })
      break
    case 'lost':
      output.json({ message_type: 'changes_lost' })
      output.data('More changed than the system could tell: everything is looked at')
      break
    case 'unwatched': {
      const why = LIMITS[event.code] ?? systemWords(event.code) ?? event.code
      const place = escapeName(event.path)
      output.json({ message_type: 'unwatched', code: event.code, ...pathFields(event.path) })
      output.warn(`Not everything is watched, ${place} for one: ${why}. All is walked every hour`)
      break
    }
    case 'away':
      output.json({ message_type: 'away', ...pathFields(event.root) })
      output.warn(`${escapeName(event.root)} is not there: it is left as it was until it is back`)
      break
    case 'back':
      output.json({ message_type: 'back', ...pathFields(event.root) })
      output.data(`${escapeName(event.root)} is back`)
      break
    default:
      output.warn(`${describe(event.error)}; next try in ${formatDuration(event.retryMs)}`)
  }
}
