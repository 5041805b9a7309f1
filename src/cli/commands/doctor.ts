/**
 * `cairn doctor`: who can reach whom, how, and what would help.
 */

import { existsSync, statfsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { isNanosecondExact } from '../../adapters/file-times.ts'
import { NodeClock } from '../../adapters/node-clock.ts'
import { NodeDisk } from '../../adapters/node-disk.ts'
import { PinoLog } from '../../adapters/pino-log.ts'
import { UsageError } from '../../base/errors.ts'
import { Grid } from '../../grid/grid.ts'
import { RosterBook } from '../../grid/roster-book.ts'
import { diagnose, type Diagnosis } from '../../node/doctor.ts'
import { GridNotFoundError } from '../../node/grid-link.ts'
import { loadRoster } from '../../store/roster-store.ts'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { formatBytes } from '../format.ts'
import { PeerStore } from '../grid/peer-store.ts'
import type { Output } from '../output.ts'
import { openNetwork } from '../ports.ts'
import { findings, pairLine, pairsOf, peerLines, type Finding } from '../reports/doctor.ts'
import { withClient } from '../with-client.ts'

/** Less than this is soon full: the spool of sealed packs alone may take 10 GB. */
const FREE_MIN = 1_000_000_000

interface DoctorOptions extends CommonOptions {
  readonly store?: string
}

export function doctorCommand(context: Context): Command {
  return makeCommand('doctor', {
    summary: 'show who can reach whom, how, and what would help',
    details:
      'Asks every friend how it is and whom it is connected with. With --store it speaks as that\n' +
      'storage peer, and also asks friends to dial it. Ends with 3 if something is wrong.',
    examples: ['cairn doctor', 'cairn doctor --store /srv/cairn', 'cairn doctor --json'],
  })
    .option('--store <folder>', 'the store of a peer on this machine')
    .action(async (options: DoctorOptions) => {
      const output = outputOf(context, options)
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

/** Speak with the identity of a storage peer, beside the process that runs it. */
async function diagnoseAsPeer(context: Context, folder: string): Promise<Diagnosis> {
  if (!existsSync(join(folder, 'key'))) throw new UsageError(`${folder} is not the store of a peer`)
  const store = PeerStore.open(folder)
  const founded = store.grid()
  if (founded === undefined) {
    throw new GridNotFoundError(`the peer in ${folder} belongs to no grid yet`)
  }
  const clock = new NodeClock()
  const log = new PinoLog({ level: 'error', file: join(folder, 'log') })
  const statements = await loadRoster(await NodeDisk.open(folder), log)
  const roster = new RosterBook({
    grid: founded.grid,
    clock,
    statements: [...founded.statements, ...statements],
    // The running peer keeps what it learns itself.
    save: () => Promise.resolve(),
  })
  const network = await openNetwork({ seed: store.key().seed, listen: [] })
  network.gate(() => false)
  network.discover(founded.grid, (peer) => roster.isAdmitted(peer))
  const grid = new Grid({ network, clock, log, roster })
  try {
    const own = store.addresses().filter((address) => !address.includes('/p2p-circuit'))
    return await diagnose({ grid, roster, network, clock }, own, context.signal)
  } finally {
    grid.close()
    await network.close()
  }
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
