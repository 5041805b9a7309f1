/**
 * `cairn audit`: do the peers still have what they say? Random blocks, with proofs.
 */

import type { Command } from 'commander'
import { UsageError } from '../../base/errors.ts'
import type { ClientStatus } from '../../node/client.ts'
import { AUDITS_MAX } from '../../repair/draw-audits.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import type { ExitCode } from '../exit-code.ts'
import { countOption } from '../options.ts'
import { auditExit, auditLines, auditRecords } from '../reports/audit.ts'
import { repairProgress, withClient, withProgress, type ClientSession } from '../with-client.ts'

interface AuditOptions extends CommonOptions {
  readonly count: number
}

/** More than this at once is what `check --verify` is for. */
const COUNT_MAX = 10_000

export function auditCommand(context: Context): Command {
  return makeCommand('audit', {
    summary: 'ask peers for random blocks of what they hold',
    details:
      'Each peer is asked for blocks drawn from all that it says it holds for this vault; every\n' +
      `byte is as likely as any other. ${AUDITS_MAX} blocks find a tenth that is missing with 99 %.\n` +
      'A peer that does not answer is away, and that is never held against it. Backups do\n' +
      'the same by themselves, spread over the month.',
    examples: ['cairn audit', 'cairn audit anna --count 300'],
  })
    .argument('[peer...]', 'names or ids, or how an id ends; default: all peers')
    .option('--count <n>', 'blocks from each peer', countOption(1, COUNT_MAX), AUDITS_MAX)
    .action(async (peers: string[], options: AuditOptions) => {
      await withClient(context, options, async (session) => {
        context.exit = await audit(context, session, peers, options)
      })
    })
}

async function audit(
  context: Context,
  { client, output }: ClientSession,
  names: readonly string[],
  { count }: AuditOptions,
): Promise<ExitCode> {
  const peers =
    names.length === 0 ? undefined : choosePeers(names, (await client.status(context.signal)).peers)
  const summary = await withProgress(context, output, (progress) =>
    client.audit(
      {
        count,
        ...(peers === undefined ? {} : { peers }),
        onProgress: (state) => progress.update(repairProgress(state)),
      },
      context.signal,
    ),
  )
  for (const warning of summary.warnings) output.warn(warning)
  for (const record of auditRecords(summary)) output.json(record)
  for (const line of auditLines(summary)) output.data(line)
  return auditExit(summary)
}

/** @throws {UsageError} for a name that means nobody, or several */
function choosePeers(names: readonly string[], peers: ClientStatus['peers']) {
  return names.map((name) => {
    const named = peers.filter((one) => one.name === name)
    const meant = named.length > 0 ? named : peers.filter(({ peer }) => peer.endsWith(name))
    const [found, other] = meant
    if (found !== undefined && other === undefined) return found.peer
    const why = found === undefined ? 'is no peer of this grid' : 'means several peers'
    throw new UsageError(`${name} ${why}: "cairn status" lists them`)
  })
}
