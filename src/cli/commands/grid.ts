/**
 * `cairn grid local` and `cairn grid stop`: a grid on this machine, to try things with.
 */

import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { startLocalGrid, stopLocalGrid, type LocalGrid } from '../grid/local-grid.ts'
import { countOption, sizeOption } from '../options.ts'
import type { Output } from '../output.ts'

const PEERS_MAX = 64
const DEFAULT_CAPACITY = 20_000_000_000

interface LocalOptions extends CommonOptions {
  readonly peers: number
  readonly dir: string
  readonly detach?: boolean
  readonly capacity: number
}

interface StopOptions extends CommonOptions {
  readonly dir: string
}

export function gridCommand(context: Context): Command {
  return new Command('grid')
    .description('storage peers on this machine, to try things with')
    .helpOption('-h, --help', 'show this help')
    .addCommand(localCommand(context))
    .addCommand(stopCommand(context))
}

function localCommand(context: Context): Command {
  return makeCommand('local', {
    summary: 'start storage peers as processes over loopback',
    details:
      'Each peer has its store in DIR/peer-<number>; DIR/invite appears once all of them answer.\n' +
      'The same command brings a stopped grid back.',
    examples: [
      'cairn grid local --peers 7 --dir /tmp/grid --detach',
      'cairn join --code-from /tmp/grid/invite',
      'cairn grid stop --dir /tmp/grid',
    ],
  })
    .option('--peers <count>', 'how many', countOption(1, PEERS_MAX), 7)
    .requiredOption('--dir <folder>', 'where the stores are')
    .option('--detach', 'leave them running and return; otherwise Ctrl-C stops them')
    .addOption(
      new Option('--capacity <size>', 'what each peer lends')
        .argParser(sizeOption)
        .default(DEFAULT_CAPACITY, '20GB'),
    )
    .action(async (options: LocalOptions) => runLocal(context, options))
}

function stopCommand(context: Context): Command {
  return makeCommand('stop', {
    summary: 'stop the peers of a local grid; their stores stay',
    examples: ['cairn grid stop --dir /tmp/grid'],
  })
    .requiredOption('--dir <folder>', 'the folder given to `grid local`')
    .action(async (options: StopOptions) => {
      const output = outputOf(context, options)
      const count = await stopLocalGrid(resolve(context.workingFolder, options.dir))
      output.json({ message_type: 'grid_stopped', peers_stopped: count })
      output.data(`${count} ${count === 1 ? 'peer' : 'peers'} stopped`)
    })
}

async function runLocal(context: Context, options: LocalOptions): Promise<void> {
  const output = outputOf(context, options)
  const folder = resolve(context.workingFolder, options.dir)
  const grid = await startLocalGrid(folder, options, context.signal)
  report(output, grid)
  if (options.detach === true) {
    output.say(`Running in the background. To end them: cairn grid stop --dir ${options.dir}`)
    return
  }
  output.say('Ctrl-C stops them.')
  await untilAborted(context.signal)
  await stopLocalGrid(folder)
  output.say('stopped')
}

function report(output: Output, grid: LocalGrid): void {
  output.json({
    message_type: 'grid_started',
    folder: grid.folder,
    invite_file: grid.inviteFile,
    peers: grid.peers.map(({ number, peer, addresses, store }) => ({
      number,
      peer,
      addresses,
      pid: store.pid(),
    })),
  })
  for (const { number, peer, addresses } of grid.peers) {
    output.data(`peer-${number}  ${addresses[0] ?? peer}`)
  }
  output.data(`invite  ${grid.inviteFile}`)
}

/** Being stopped is how a foreground grid or peer ends, not a failure. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  // Listening for signals alone does not keep a process alive.
  const alive = setInterval(() => undefined, 2 ** 30)
  await new Promise<void>((done) => {
    signal.addEventListener('abort', () => done(), { once: true })
  })
  clearInterval(alive)
}
