/**
 * `cairn heads`: which head each friend shows, and what of it cannot be honest.
 */

import type { Command } from 'commander'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { toHex } from '../../../protocol/bytes.ts'
import { openHead, openReceipt } from '../../../protocol/head.ts'
import type { HeadsSummary } from '../../node/client.ts'
import { UsageError } from '../../base/errors.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { headsAdvice, headsLines, headsRecords } from '../reports/heads.ts'
import { writeSecretFile } from '../secret-file.ts'
import { systemWords } from '../system-words.ts'
import { withClient } from '../with-client.ts'

interface HeadsOptions extends CommonOptions {
  readonly export?: string
}

export function headsCommand(context: Context): Command {
  return makeCommand('heads', {
    summary: 'show which head each friend has, and what contradicts itself',
    details:
      'A head is what a backup publishes last: it names the newest snapshot, and every friend keeps it.\n' +
      'Who shows less than they signed for, or two heads for one place, is named; the signed documents are kept.',
    examples: ['cairn heads', 'cairn heads --export evidence', 'cairn heads --json'],
  })
    .option('--export <folder>', 'write the signed documents of all evidence to a new folder')
    .action(async (options: HeadsOptions) => {
      await withClient(context, options, async ({ client, output }) => {
        const summary = await client.heads(context.signal)
        for (const record of headsRecords(summary)) output.json(record)
        for (const line of headsLines(summary)) output.data(line)
        if (options.export !== undefined) {
          const folder = resolve(context.workingFolder, options.export)
          const count = exportEvidence(summary, folder)
          output.say(`${count} documents were written to ${folder}`)
          return
        }
        const advice = headsAdvice(summary)
        if (advice !== undefined) output.say(advice)
      })
    })
}

/**
 * One folder's worth of documents as they were signed, and a text that says what each is.
 *
 * @throws {UsageError} the folder exists, or cannot be made
 */
function exportEvidence({ evidence }: HeadsSummary, folder: string): number {
  makeFolder(folder)
  const lines: string[] = []
  let count = 0
  for (const { name, heads, receipts } of evidence) {
    for (const head of heads) {
      const { sequence, vault, device, id } = openHead(head)
      const file = `${name}-${(count += 1)}.head`
      writeSecretFile(join(folder, file), head)
      lines.push(
        `${file}: head ${sequence} ${toHex(id)} of vault ${vault}, signed by device ${device}`,
      )
    }
    for (const receipt of receipts) {
      const { sequence, peer, headId, receivedAt } = openReceipt(receipt)
      const file = `${name}-${(count += 1)}.receipt`
      writeSecretFile(join(folder, file), receipt)
      const when = new Date(receivedAt).toISOString()
      lines.push(`${file}: ${peer} received head ${sequence} ${toHex(headId)} at ${when}`)
    }
  }
  writeSecretFile(join(folder, 'README.txt'), `${lines.join('\n')}\n`)
  return count
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why =
      code === 'EEXIST'
        ? 'it exists, and nothing is written over'
        : (systemWords(code ?? '') ?? message)
    throw new UsageError(`cannot make ${folder}: ${why}`, { cause: error })
  }
}
