/**
 * `cairn doctor`: who can reach whom, how, and what would help.
 */

import { statfsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { isNanosecondExact } from '../../adapters/file-times.ts'
import { NodeFiles } from '../../adapters/node-files.ts'
import { NodeRandom } from '../../adapters/node-random.ts'
import type { Diagnosis, PeerDiagnosis } from '../../node/doctor.ts'
import type { PeerId } from '../../ports/network.ts'
import { tryMetadata } from '../../restore/try-metadata.ts'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { formatBytes } from '../format.ts'
import { askPeer } from '../grid/peer-control.ts'
import { pathBytes } from '../options.ts'
import type { Output } from '../output.ts'
import { findings, pairLine, pairsOf, peerLines, type Finding } from '../reports/doctor.ts'
import { metadataLines } from '../reports/metadata.ts'
import { withClient } from '../with-client.ts'

/** Less than this is soon full: the spool of sealed packs alone may take 10 GB. */
const FREE_MIN = 1_000_000_000

interface DoctorOptions extends CommonOptions {
  readonly store?: string
  readonly metadata?: string | true
}

export function doctorCommand(context: Context): Command {
  return makeCommand('doctor', {
    summary: 'show who can reach whom, how, and what would help',
    details:
      'Asks every friend how it is and whom it is connected with. With --store it speaks as that\n' +
      'storage peer, and also asks friends to dial it. Ends with 3 if something is wrong. With\n' +
      '--metadata it tries what a folder keeps of files (here, by default), and does nothing else.',
    examples: [
      'cairn doctor',
      'cairn doctor --store /srv/cairn',
      'cairn doctor --metadata /media/usb',
      'cairn doctor --json',
    ],
  })
    .option('--store <folder>', 'the store of a peer on this machine')
    .option('--metadata [folder]', 'try what a folder keeps of files, in a temporary folder there')
    .action(async (options: DoctorOptions) => {
      const output = outputOf(context, options)
      if (options.metadata !== undefined) {
        await reportMetadata(context, output, options.metadata)
        return
      }
      if (options.store !== undefined) {
        const folder = resolve(context.workingFolder, options.store)
        report(context, output, folder, await diagnoseAsPeer(context, folder))
        return
      }
      await withClient(context, options, async ({ client, home }) => {
        report(context, output, home.data, await client.doctor(context.signal))
      })
    })
}

async function reportMetadata(
  context: Context,
  output: Output,
  asked: string | true,
): Promise<void> {
  const folder = pathBytes(asked === true ? '.' : asked, context.workingFolder)
  const parts = { files: new NodeFiles(), random: new NodeRandom() }
  const tried = await tryMetadata(parts, folder)
  for (const { aspect, isKept, reason } of tried) {
    output.json({ message_type: 'metadata', what: aspect, is_kept: isKept, reason })
  }
  for (const line of metadataLines(tried)) output.data(line)
}

/** Have the peer that runs there find out: those who only dial out are connected with it alone. */
async function diagnoseAsPeer(context: Context, folder: string): Promise<Diagnosis> {
  const peers: PeerDiagnosis[] = []
  const { self } = await askPeer(folder, 'doctor', {}, context.signal, (event) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is this program's own peer that answers
    peers.push(event as unknown as PeerDiagnosis)
    return undefined
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- likewise
  return { self: self as PeerId, peers }
}

function report(context: Context, output: Output, folder: string, diagnosis: Diagnosis): void {
  const pairs = pairsOf(diagnosis)
  const machine = machineFacts(folder)
  const found = [...findings(diagnosis), ...machineFindings(machine)]
  const { peers, self } = diagnosis
  for (const peer of peers) output.json({ message_type: 'peer', ...peer })
  for (const pair of pairs) output.json({ message_type: 'pair', ...pair })
  for (const { isTrouble, words } of found) {
    output.json({ message_type: 'finding', is_trouble: isTrouble, words })
  }
  output.json({ message_type: 'doctor', self, ...machine })

  for (const line of peerLines(diagnosis)) output.data(line)
  if (pairs.length > 0) output.data('')
  for (const pair of pairs) output.data(pairLine(diagnosis, pair))
  output.data('')
  for (const { words } of found) output.data(words)
  if (found.some(({ isTrouble }) => isTrouble)) context.exit = EXIT.incomplete
}

interface MachineFacts {
  /** Bytes of the volume. */
  readonly free: number
  readonly has_nanoseconds: boolean
}

function machineFacts(folder: string): MachineFacts {
  const { bavail, bsize } = statfsSync(folder)
  return { free: bavail * bsize, has_nanoseconds: isNanosecondExact }
}

function machineFindings({ free, has_nanoseconds: hasNanoseconds }: MachineFacts): Finding[] {
  const found: Finding[] = [
    { isTrouble: free < FREE_MIN, words: `${formatBytes(free)} are free on this disk.` },
  ]
  if (!hasNanoseconds) {
    const words =
      'This Node has no FFI: times of restored files are right to the microsecond, not the nanosecond.'
    found.push({ isTrouble: false, words })
  }
  return found
}
