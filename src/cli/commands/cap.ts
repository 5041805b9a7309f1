/**
 * `cairn cap`: what somebody else may do with this vault, as one line to hand over.
 */

import { resolve } from 'node:path'
import type { Command } from 'commander'
import { UsageError } from '../../base/errors.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { writeSecretFile } from '../secret-file.ts'
import { withClient } from '../with-client.ts'

interface CapOptions extends CommonOptions {
  readonly repair?: boolean
  readonly to: string
}

export function capCommand(context: Context): Command {
  return makeCommand('cap', {
    summary: 'let a friend’s box look after this vault while this computer is off',
    details:
      'A repair cap finds your encrypted data, keeps it alive and makes lost parts again. It opens\n' +
      'nothing: no name and no content. A friend gives it to "cairn peer run --help-repair FILE".\n' +
      'Hand it over as you would a key: it works until this device is replaced by "cairn recover".',
    examples: ['cairn cap --repair --to for-bob.cap', 'cairn cap --repair --to - | ssh bob …'],
  })
    .option('--repair', 'a cap with which a friend’s peer renews, audits and repairs')
    .requiredOption('--to <file>', 'a new file that only you can read; - is standard output')
    .action(async (options: CapOptions) => writeCap(context, options))
}

async function writeCap(context: Context, options: CapOptions): Promise<void> {
  if (options.repair !== true) throw new UsageError('say what the cap is for: --repair')
  const isToOutput = options.to === '-'
  if (isToOutput && options.json === true) {
    throw new UsageError('a cap is never put into JSON: give a file in place of -')
  }
  const path = resolve(context.workingFolder, options.to)
  await withClient(context, options, async ({ client, output }) => {
    const cap = client.repairCap()
    if (isToOutput) return output.data(cap)
    writeSecretFile(path, `${cap}\n`)
    output.json({ message_type: 'cap', type: 'repair', file: path })
    output.say(`The repair cap is in ${path}. Your friend runs:`)
    output.say('  cairn peer run … --help-repair FILE')
    output.say(
      'Give it to two friends if you can; it keeps your backup alive and opens none of it.',
    )
  })
}
