/**
 * `cairn init`: a vault and its recovery kit.
 */

import { hostname } from 'node:os'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { UsageError } from '../../base/errors.ts'
import { createVault } from '../../node/vault.ts'
import { readConfig } from '../config.ts'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { findHome } from '../home.ts'
import { kitText } from '../kit.ts'
import { openPorts } from '../ports.ts'
import { writeSecretFile } from '../secret-file.ts'

interface InitOptions extends CommonOptions {
  readonly wordsTo?: string
}

export function initCommand(context: Context): Command {
  return makeCommand('init', {
    summary: 'make a vault and its recovery kit of 24 words',
    details:
      'The words are the only thing you must keep: they open everything, and nothing else does.\n' +
      'Without --words-to they are printed once, on standard output.',
    examples: ['cairn init --words-to ~/cairn-kit.txt', 'cairn init | lpr'],
  })
    .option('--words-to <file>', 'write the words to a new file that only you can read')
    .action(async (options: InitOptions) => init(context, options))
}

async function init(context: Context, options: InitOptions): Promise<void> {
  const output = outputOf(context, options)
  if (output.isJson && options.wordsTo === undefined) {
    throw new UsageError('the words are never put into JSON: add --words-to FILE')
  }
  const home = findHome(context.env, context.workingFolder)
  const path = options.wordsTo && resolve(context.workingFolder, options.wordsTo)

  const ports = await openPorts(home, readConfig(home.configFile))
  try {
    // The words are kept before anything rests on them.
    await createVault(ports, async (words) => {
      const text = kitText(words, { host: hostname(), createdAt: Date.now() })
      if (path === undefined) output.data(text.trimEnd())
      else writeSecretFile(path, text)
    })
  } finally {
    await ports.close()
  }

  output.json({ message_type: 'initialized', home: home.data, words_file: path })
  output.say(`Vault made in ${home.data}`)
  output.say(
    path === undefined
      ? 'Write the words down now: they are not stored and cannot be shown again.'
      : `The 24 recovery words are in ${path}. Print them and keep them apart from this computer.`,
  )
  output.say('Next: cairn join --code-from FILE')
}
