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
import { joinAsPeer } from '../../node/join-as-peer.ts'
import { startPeer, type PeerPorts } from '../../node/peer-node.ts'
import type { Network } from '../../ports/network.ts'
import { isDebugging, makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { formatBytes } from '../format.ts'
import { PeerStore, type Founding } from '../grid/peer-store.ts'
import { collect, sizeOption } from '../options.ts'
import type { Output } from '../output.ts'
import { openNetwork } from '../ports.ts'
import { readInviteFile } from '../secret-file.ts'
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
  readonly codeFrom?: string
  readonly upnp: boolean
  readonly mdns: boolean
  readonly relay: boolean
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
      'At its first run the peer makes its key, and joins the grid of --code-from or founds one of\n' +
      'its own; the invite to that is written into the store. It sees encrypted shares only, and\n' +
      'serves members of its grid only.',
    examples: [
      'cairn peer run --store /srv/cairn --capacity 20GB --listen /ip4/0.0.0.0/tcp/4280',
      'cairn peer run --store /srv/cairn --capacity 20GB --listen /ip4/0.0.0.0/tcp/4280 --code-from invite.txt',
    ],
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
    .option('--code-from <file>', 'join a grid with an invite (at the first run)')
    .option('--name <name>', 'what friends see (at the first run)')
    .option('--domain <name>', 'what fails together with it: a house, a provider')
    .option('--no-upnp', 'do not ask the router to forward the port')
    .option('--no-mdns', 'neither look for friends in the local network nor be found there')
    .option('--no-relay', 'neither pass on connections of friends nor have ours passed on')
    .action(async (options: RunOptions) => runPeer(context, options))
}

async function runPeer(context: Context, options: RunOptions): Promise<void> {
  const output = outputOf(context, options)
  const store = PeerStore.open(resolve(context.workingFolder, options.store))
  const lock = HomeLock.take(store.folder, 'write')
  try {
    const key = store.key()
    const { listen, announce, relay: isRelay, upnp: isMapping } = options
    const network = await openNetwork({ seed: key.seed, listen, announce, isRelay, isMapping })
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
  { network, key, options }: { network: Network; key: SigningKey; options: RunOptions },
): Promise<void> {
  const ports = {
    network,
    disk: await NodeDisk.open(store.folder),
    clock: new NodeClock(),
    random: new NodeRandom(),
    log: new PinoLog({
      level: isDebugging(context.env) ? 'debug' : 'info',
      file: join(store.folder, 'log'),
    }),
  }
  const grid = await gridOf(context, output, store, { ports, key, options })
  const database = openDatabase(join(store.folder, 'accounts.db'))
  try {
    const { capacity, reserve, domain, relay: mayUseRelays, mdns: isNearby } = options
    const node = await startPeer(
      { ...ports, database },
      {
        ...{ key, ...grid, capacity, reserve, mayUseRelays, isNearby },
        ...(domain === undefined ? {} : { domain }),
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

/** The grid it was in before; else the one it is invited to; else a new one, whose invite brings others in. */
async function gridOf(
  context: Context,
  output: Output,
  store: PeerStore,
  parts: { ports: Omit<PeerPorts, 'database'>; key: SigningKey; options: RunOptions },
): Promise<Founding> {
  const known = store.grid()
  if (known !== undefined) return known
  const { ports, key, options } = parts
  const newcomer = {
    key,
    name: options.name ?? hostname(),
    ...(options.domain === undefined ? {} : { domain: options.domain }),
    addresses: ports.network.addresses(),
  }

  if (options.codeFrom !== undefined) {
    const invite = readInviteFile(options.codeFrom)
    const dialling = (seed: Uint8Array) => openNetwork({ seed, listen: [] })
    const joined = await joinAsPeer(
      { ...ports, network: dialling },
      newcomer,
      invite,
      context.signal,
    )
    store.setGrid(joined)
    output.json({ message_type: 'grid_joined', grid: joined.grid })
    output.say(`Joined grid ${joined.grid.slice(0, 16)} as a peer`)
    return joined
  }

  const now = Date.now()
  const invite = { seed: new Uint8Array(randomBytes(32)), expiresAt: now + INVITE_MS }
  const founded = foundGrid([newcomer], invite, now)
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
