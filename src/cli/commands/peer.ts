/**
 * `cairn peer run`: lend disk to friends.
 */

import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { randomBytes } from 'node:crypto'
import { HomeLock } from '../../adapters/home-lock.ts'
import { NodeClock } from '../../adapters/node-clock.ts'
import { NodeDisk } from '../../adapters/node-disk.ts'
import { NodeRandom } from '../../adapters/node-random.ts'
import { openDatabase } from '../../adapters/open-database.ts'
import { PinoLog } from '../../adapters/pino-log.ts'
import type { SigningKey } from '../../../protocol/keys.ts'
import { foundGrid } from '../../node/found-grid.ts'
import { startPeer } from '../../node/peer-node.ts'
import type { Network } from '../../ports/network.ts'
import { isDebugging, makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { formatBytes } from '../format.ts'
import { PeerStore, type Founding } from '../grid/peer-store.ts'
import { collect, sizeOption } from '../options.ts'
import type { Output } from '../output.ts'
import { openNetwork } from '../ports.ts'
import { untilAborted } from './grid.ts'

/** What stays free on the disk unless told otherwise: room for its owner to go on working. */
const DEFAULT_RESERVE = 1_000_000_000
const INVITE_MS = 30 * 86_400_000

interface RunOptions extends CommonOptions {
  readonly store: string
  readonly capacity: number
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly reserve: number
  readonly name?: string
  readonly domain?: string
}

export function peerCommand(context: Context): Command {
  return new Command('peer')
    .description('lend disk to friends')
    .helpOption('-h, --help', 'show this help')
    .addCommand(runCommand(context))
}

function runCommand(context: Context): Command {
  return makeCommand('run', {
    summary: 'run a storage peer until it is stopped',
    details:
      'At its first run the peer makes its key and founds a grid of its own; the invite to it is\n' +
      'written into the store. It sees encrypted shares only, and serves members of its grid only.',
    examples: ['cairn peer run --store /srv/cairn --capacity 20GB --listen /ip4/0.0.0.0/tcp/4280'],
  })
    .requiredOption('--store <folder>', 'where shares are kept')
    .requiredOption('--capacity <size>', 'how much to lend', sizeOption)
    .requiredOption(
      '--listen <multiaddr>',
      'where to listen; may be given several times',
      collect,
      [],
    )
    .option(
      '--announce <multiaddr>',
      'where others reach it, such as a forwarded port',
      collect,
      [],
    )
    .addOption(
      new Option('--reserve <size>', 'what stays free on the disk')
        .argParser(sizeOption)
        .default(DEFAULT_RESERVE, '1GB'),
    )
    .option('--name <name>', 'what friends see (when the grid is founded)')
    .option('--domain <name>', 'what fails together with it: a house, a provider')
    .action(async (options: RunOptions) => runPeer(context, options))
}

async function runPeer(context: Context, options: RunOptions): Promise<void> {
  const output = outputOf(context, options)
  const store = PeerStore.open(resolve(context.workingFolder, options.store))
  const lock = HomeLock.take(store.folder, 'write')
  try {
    const key = store.key()
    const { listen, announce } = options
    const network = await openNetwork({ seed: key.seed, listen, announce })
    try {
      await serve(context, output, store, { network, key, options })
    } finally {
      await network.close()
    }
  } finally {
    store.setStopped()
    lock.release()
  }
}

async function serve(
  context: Context,
  output: Output,
  store: PeerStore,
  parts: { network: Network; key: SigningKey; options: RunOptions },
): Promise<void> {
  const { network, key, options } = parts
  const database = openDatabase(join(store.folder, 'accounts.db'))
  try {
    const node = await startPeer(
      {
        network,
        disk: await NodeDisk.open(store.folder),
        database,
        clock: new NodeClock(),
        random: new NodeRandom(),
        log: new PinoLog({
          level: isDebugging(context.env) ? 'debug' : 'info',
          file: join(store.folder, 'log'),
        }),
      },
      {
        key,
        ...(store.grid() ?? found(store, output, parts)),
        capacity: options.capacity,
        reserve: options.reserve,
        ...(options.domain === undefined ? {} : { domain: options.domain }),
      },
      context.signal,
    )
    store.setRunning(process.pid, withIdentity(network))
    report(output, store, network, options)
    await Promise.race([untilAborted(context.signal), node.stopped])
    await node.stopped
    output.say('stopped')
  } finally {
    database.close()
  }
}

/** Without a grid to belong to, found one; its invite brings others in. */
function found(
  store: PeerStore,
  output: Output,
  { network, key, options }: { network: Network; key: SigningKey; options: RunOptions },
): Founding {
  const now = Date.now()
  const founded = foundGrid(
    [
      {
        key,
        name: options.name ?? hostname(),
        ...(options.domain === undefined ? {} : { domain: options.domain }),
        addresses: network.addresses(),
      },
    ],
    { seed: new Uint8Array(randomBytes(32)), expiresAt: now + INVITE_MS },
    now,
  )
  const inviteFile = store.setInvite(founded.invite)
  store.setGrid(founded)
  output.json({ message_type: 'grid_founded', grid: founded.grid, invite_file: inviteFile })
  output.say(`A new grid; the invite to it, good for 30 days, is in ${inviteFile}`)
  return founded
}

function report(output: Output, store: PeerStore, network: Network, options: RunOptions): void {
  const addresses = withIdentity(network)
  output.json({
    message_type: 'peer_started',
    peer: network.self,
    addresses,
    store: store.folder,
    capacity: options.capacity,
  })
  for (const address of addresses) output.data(address)
  output.say(`Lending ${formatBytes(options.capacity)} in ${store.folder}. Ctrl-C stops it.`)
}

/** Addresses that also say who must answer there. */
function withIdentity(network: Network): string[] {
  return network
    .addresses()
    .map((address) => (address.includes('/p2p/') ? address : `${address}/p2p/${network.self}`))
}
