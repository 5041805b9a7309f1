/**
 * Local grid: several storage peers on this machine, over loopback, to try things with.
 *
 *     DIR/peer-1 … peer-n   a store each, with the peer's key, pid and output
 *     DIR/invite            for `cairn join`; there once all peers answered
 *
 * The peers keep their ports, so a grid that was stopped comes back where it was.
 */

import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { peerIdOf } from '../../../protocol/keys.ts'
import { UsageError } from '../../base/errors.ts'
import { foundOpenGrid } from '../../node/found-grid.ts'
import { GridNotFoundError } from '../../node/grid-link.ts'
import { makePrivateFolder } from '../home.ts'
import { awaitPeer, spawnPeer, stopPeer } from './peer-process.ts'
import { PeerStore } from './peer-store.ts'

/** A grid to try things with is thrown away sooner than this. */
const INVITE_MS = 365 * 86_400_000

export interface LocalPeer {
  /** 1, 2, … */
  readonly number: number
  readonly peer: string
  readonly store: PeerStore
  readonly addresses: readonly string[]
}

export interface LocalGrid {
  readonly folder: string
  readonly inviteFile: string
  readonly peers: readonly LocalPeer[]
}

/**
 * Make the grid, or bring an earlier one in this folder back, and wait until every peer answers.
 *
 * @param capacity - bytes each peer lends
 * @throws {UsageError} the folder holds a grid of another size
 * @throws {PeerStartError} a peer did not come up; all are stopped again
 */
export async function startLocalGrid(
  folder: string,
  { peers: count, capacity }: { peers: number; capacity: number },
  signal: AbortSignal,
): Promise<LocalGrid> {
  const known = existingStores(folder)
  if (known.length > 0 && known.length !== count) {
    throw new UsageError(`${folder} holds a grid of ${known.length} peers, not of ${count}`)
  }
  const stores = known.length > 0 ? known : await makeStores(folder, count)
  try {
    for (const store of stores) {
      await stopPeer(store)
      spawnPeer(store, ['--listen', store.listen() ?? '', '--capacity', `${capacity}B`])
    }
    const peers = await Promise.all(
      stores.map(async (store, index) => ({
        number: index + 1,
        peer: peerIdOf(store.key().publicKey),
        store,
        addresses: await awaitPeer(store, signal),
      })),
    )
    const inviteFile = join(folder, 'invite')
    if (existsSync(`${inviteFile}.new`)) renameSync(`${inviteFile}.new`, inviteFile)
    return { folder, inviteFile, peers }
  } catch (error) {
    await stopStores(stores)
    throw error
  }
}

/**
 * @returns how many peers were running
 * @throws {GridNotFoundError}
 */
export async function stopLocalGrid(folder: string): Promise<number> {
  const stores = existingStores(folder)
  if (stores.length === 0) throw new GridNotFoundError(`there is no grid in ${folder}`)
  return stopStores(stores)
}

async function stopStores(stores: readonly PeerStore[]): Promise<number> {
  const stopped = await Promise.all(stores.map(stopPeer))
  return stopped.filter(Boolean).length
}

function existingStores(folder: string): PeerStore[] {
  if (!existsSync(folder)) return []
  const numbers = readdirSync(folder)
    .map((name) => Number(/^peer-([1-9]\d*)$/.exec(name)?.[1]))
    .filter((number) => !Number.isNaN(number))
    .toSorted((a, b) => a - b)
  const stores = numbers.map((number) => PeerStore.open(join(folder, `peer-${number}`)))
  // A founding that was cut short is begun again.
  return stores.every((store) => store.grid() !== undefined) ? stores : []
}

async function makeStores(folder: string, count: number): Promise<PeerStore[]> {
  makePrivateFolder(folder)
  const ports = await freePorts(count)
  const stores = ports.map((port, index) => {
    const store = PeerStore.open(join(folder, `peer-${index + 1}`))
    store.setListen(`/ip4/127.0.0.1/tcp/${port}`)
    return store
  })
  const founded = foundOpenGrid(
    stores.map((store, index) => ({
      key: store.key(),
      name: `peer ${index + 1}`,
      addresses: [store.listen() ?? ''],
    })),
    { seed: new Uint8Array(randomBytes(32)), expiresAt: Date.now() + INVITE_MS },
    Date.now(),
  )
  writeFileSync(join(folder, 'invite.new'), `${founded.invite}\n`, { mode: 0o600 })
  for (const store of stores) store.setGrid(founded)
  return stores
}

/** @returns ports that nobody listens on; all different */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  try {
    return await Promise.all(
      servers.map(async (server) => {
        await new Promise<void>((resolve, reject) => {
          server.once('error', reject).listen(0, '127.0.0.1', resolve)
        })
        return (server.address() as AddressInfo).port
      }),
    )
  } finally {
    for (const server of servers) server.close()
  }
}
