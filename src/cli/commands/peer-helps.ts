/**
 * `cairn peer helps`: whose backups this peer looks after, what it did for them last, and no more of it.
 */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { NodeDisk } from '../../adapters/node-disk.ts'
import { PinoLog } from '../../adapters/pino-log.ts'
import { UsageError } from '../../base/errors.ts'
import { readHelpReport } from '../../node/help-reports.ts'
import { HelpedVaults, type HelpedVault } from '../../store/helped-vaults.ts'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { formatMoment } from '../format.ts'
import { describeHelp } from '../reports/help.ts'

interface HelpsOptions extends CommonOptions {
  readonly store: string
  readonly stop?: string
}

export function helpsCommand(context: Context): Command {
  return makeCommand('helps', {
    summary: 'show whose backups this peer looks after, and what it did last',
    details:
      'A peer looks after the vaults whose repair caps it was given with --help-repair. Every few\n' +
      'hours it keeps their data alive and makes lost parts again; it can open nothing of it.',
    examples: [
      'cairn peer helps --store /srv/cairn',
      'cairn peer helps --store /srv/cairn --stop 3f9a',
    ],
  })
    .requiredOption('--store <folder>', 'where the peer keeps its shares')
    .option('--stop <vault>', 'help this vault no more: its id, or the beginning of it')
    .action(async (options: HelpsOptions) => runHelps(context, options))
}

async function runHelps(context: Context, options: HelpsOptions): Promise<void> {
  const output = outputOf(context, options)
  const folder = resolve(context.workingFolder, options.store)
  if (!existsSync(folder)) throw new UsageError(`there is no peer in ${folder}`)
  const disk = await NodeDisk.open(folder)
  const helped = await HelpedVaults.open(disk, new PinoLog({ level: 'error' }))
  if (options.stop !== undefined) {
    const { vault } = chosen(helped.all(), options.stop).cap
    await helped.remove(vault)
    output.json({ message_type: 'help_stopped', vault })
    output.say(`This peer looks after ${vault.slice(0, 16)} no more; the shares it holds stay.`)
    return
  }
  if (helped.all().length === 0) output.say('This peer looks after nobody’s backup.')
  for (const { cap } of helped.all()) {
    const report = await readHelpReport(disk, cap.vault)
    const at = report === undefined ? {} : { at: formatMoment(report.at) }
    output.json({ message_type: 'help', vault: cap.vault, ...report, ...at })
    output.data(describeHelp(cap.vault, report))
  }
}

/** @throws {UsageError} unless the text is the beginning of just one vault's id */
function chosen(all: readonly HelpedVault[], text: string): HelpedVault {
  const meant = all.filter(({ cap }) => text !== '' && cap.vault.startsWith(text.toLowerCase()))
  const [first, another] = meant
  if (first !== undefined && another === undefined) return first
  throw new UsageError(
    first === undefined
      ? `this peer does not look after a vault ${text}: see "cairn peer helps"`
      : `${text} may be one of ${meant.length} vaults: give more of its id`,
  )
}
