/**
 * `cairn demo`: a grid in one place: back up, lose peers, recover, show.
 */

import { Option, type Command } from 'commander'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { Account } from '../demo/account.ts'
import { TREE_SIZES, type TreeSizeName } from '../demo/generate-tree.ts'
import { runDemo } from '../demo/run-demo.ts'
import { EXIT } from '../exit-code.ts'
import { countOption } from '../options.ts'

interface DemoCommandOptions extends CommonOptions {
  readonly size: TreeSizeName
  readonly peers: number
  readonly seed: number
  readonly keep?: boolean
}

export function demoCommand(context: Context): Command {
  return (
    makeCommand('demo', {
      summary: 'see it work: back up, lose peers, recover, compare',
      details:
        'Everything happens on this computer, in a temporary folder: storage peers as processes, a\n' +
        'generated tree, three backups, the death of as many peers as the code allows, recovery from\n' +
        'the 24 words and one address. Needs about 1.5 GB of disk for a while.',
      examples: ['cairn demo', 'cairn demo --size small --peers 10', 'cairn demo --keep --json'],
    })
      .addOption(
        new Option('--size <size>', 'how large the tree is')
          .choices(Object.keys(TREE_SIZES))
          .default('normal'),
      )
      // Fewer than three would need --allow-few, and could not lose one.
      .option('--peers <count>', 'how many storage peers', countOption(3, 40), 7)
      .option(
        '--seed <number>',
        'another number, another tree and other losses',
        countOption(0, 2 ** 32 - 1),
        1,
      )
      .option('--keep', 'leave the folder and the living peers for a look around')
      .action(async (options: DemoCommandOptions) => {
        const account = new Account(outputOf(context, options))
        const startedAt = context.now()
        account.begin(options)
        const differences = await runDemo(
          { ...options, keep: options.keep === true },
          account,
          context.signal,
        )
        account.end(differences, context.now() - startedAt)
        context.exit = differences === 0 ? EXIT.ok : EXIT.error
      })
  )
}
