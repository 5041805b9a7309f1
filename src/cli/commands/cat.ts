/**
 * `cairn cat`: a file's content as it was at a snapshot, on standard output.
 */

import { tmpdir } from 'node:os'
import type { Command } from 'commander'
import { writeBytes } from '../byte-output.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { pathBytes } from '../options.ts'
import { snapshotFields } from '../snapshot-fields.ts'
import { withClient } from '../with-client.ts'

interface CatOptions extends CommonOptions {
  readonly at: string
}

export function catCommand(context: Context): Command {
  return makeCommand('cat', {
    summary: 'write a file’s content as it was at a snapshot',
    details:
      'The content goes to standard output as it is, of several files one after the other. With --json\n' +
      'the records go to standard error.',
    examples: ['cairn cat ~/.bashrc', 'cairn cat --at 3d ~/Documents/big.db > big.db'],
  })
    .argument('<path...>', 'files')
    .option('--at <when>', 'latest, a number, a date or an age such as 3d', 'latest')
    .action(async (paths: string[], options: CatOptions) => {
      await withClient(context, options, async ({ client, output }) => {
        const { workingFolder, signal } = context
        const at = await client.at(options.at, signal)
        output.sayJson(snapshotFields(at))
        for (const path of paths) {
          await client.views.cat(
            {
              at,
              path: pathBytes(path, workingFolder),
              scratch: pathBytes(tmpdir(), workingFolder),
              write: (bytes) => writeBytes(context.stdout, bytes, signal),
            },
            signal,
          )
        }
      })
    })
}
