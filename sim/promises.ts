/**
 * Promises: what peers and the client have said, held against the disks themselves, at once.
 *
 * Whoever waits until a power cut shows that something was never synced, or until friends are gone to see that
 * a snapshot lay with too few of them, waits for long: most of the time luck, or the next run, puts it right.
 */

import { toHex } from '../protocol/bytes.ts'
import { openHead } from '../protocol/head.ts'
import type { VaultId } from '../protocol/ids.ts'
import type { PackId } from '../protocol/manifest.ts'
import { safeCount } from '../src/grid/code.ts'
import { happiness } from '../src/grid/happiness.ts'
import type { PeerNode } from '../src/node/peer-node.ts'
import type { PeerId } from '../src/ports/network.ts'
import { keyOfName, SHARES_FOLDER } from '../src/store/share-files.ts'
import { StoryError } from './errors.ts'
import type { Friend, Friends } from './grid.ts'
import { VolumeFile, type VolumeFolder } from './volume.ts'
import type { SeenHead } from './witness.ts'

/** Of heads that were looked at before: there are hundreds, and many days. */
const NAMES = new WeakMap<Uint8Array, string>()

interface NamedFile {
  readonly name: string
  readonly path: string
  readonly file: VolumeFile
  /** Whether its name, and those of the folders above, outlast a power cut. */
  readonly isDurable: boolean
}

/**
 * The shares that a peer accounts for, and the heads it shows, would survive a power cut now.
 *
 * @throws {StoryError}
 */
export function assertDurable(friends: Friends, vault: VaultId): void {
  for (const { name: friend, machine, node } of friends.up) {
    if (node === undefined) continue
    const files = [...sharesOf(machine.volume.root, vault), ...headsOf(machine.volume.root, vault)]
    const said = saidBy(node, vault)
    for (const { name, path, file, isDurable } of files) {
      if (!said(name) || (isDurable && file.durableSize === file.size)) continue
      throw new StoryError(`${friend} says that it has ${path}, and a power cut could take it`)
    }
  }
}

/** Friends who may have had what they were given, though it is not on their disks now. */
export interface Doubted {
  /** Shares of packs, those that the client says it gave them. */
  readonly shares: ReadonlySet<string>
  /** Who holds shares of a pack, as the client has it. */
  readonly saidToHold: (pack: number) => ReadonlySet<PeerId>
  /** A head that was published just now. */
  readonly heads: ReadonlySet<string>
}

/**
 * A head that was published has enough friends, and so has every pack that is new with it. What an earlier head
 * named was safe when that one was sent; what was lost of it since is for a repair to see to.
 *
 * @param earlier - the head before, of whatever fate
 * @param doubted - by name; each is taken to have had what would help most
 * @throws {StoryError}
 */
export function assertSafe(
  friends: Friends,
  { head, segments }: SeenHead,
  earlier: SeenHead | undefined,
  doubted: Doubted,
): void {
  const known = new Set(earlier?.segments.flat().map(({ id }) => id))
  const packs = segments.flat().filter(({ id }) => !known.has(id))
  const told = `head ${head.sequence} is published`
  const domains = new Map(friends.all.map((friend) => [friend, domainOf(friends, friend)]))
  const places = placesOf(friends, head.vault, domains)
  const doubtful = [...domains].filter(([{ name }]) => doubted.shares.has(name))
  for (const pack of packs) {
    const said = doubted.saidToHold(pack.number)
    const wild = new Set(
      doubtful.flatMap(([friend, domain]) => (said.has(friends.peerOf(friend)) ? [domain] : [])),
    )
    const sure = [...(places.get(pack.id) ?? [])].filter(([domain]) => !wild.has(domain))
    const count = happiness(new Map(sure)) + wild.size
    const wanted = safeCount(pack)
    if (count >= wanted) continue
    throw new StoryError(
      `${told}, and pack ${pack.number} has ${count} places of ${wanted} at most`,
    )
  }
  const haveIt = friends.all.filter(
    ({ name, machine }) =>
      doubted.heads.has(name) ||
      [...headsOf(machine.volume.root, head.vault)].some((file) => file.name === nameOfHead(head)),
  )
  const wanted = Math.max(0, ...(segments[0] ?? []).map(safeCount))
  if (haveIt.length >= wanted) return
  throw new StoryError(`${told}, and ${haveIt.length} friends of ${wanted} have it at most`)
}

/** Of each pack, which shares lie at which failure domain. */
function placesOf(
  friends: Friends,
  vault: VaultId,
  domains: ReadonlyMap<Friend, string>,
): Map<PackId, Map<string, number[]>> {
  const places = new Map<PackId, Map<string, number[]>>()
  for (const friend of friends.left) {
    const domain = domains.get(friend) ?? friend.name
    for (const { name } of sharesOf(friend.machine.volume.root, vault)) {
      const key = keyOfName(vault, name)
      if (key === undefined) continue
      const pack = places.get(key.pack) ?? new Map<string, number[]>()
      pack.set(domain, [...(pack.get(domain) ?? []), key.shareNumber])
      places.set(key.pack, pack)
    }
  }
  return places
}

/** @returns names of all packs that friends who are left hold shares of, of any vault */
export function packsOf(friends: Friends): Set<string> {
  const names = new Set<string>()
  for (const { machine } of friends.left) {
    for (const { path } of machine.volume.files()) {
      if (!path.startsWith(`${SHARES_FOLDER}/`) || !path.endsWith('.share')) continue
      names.add(path.slice(path.lastIndexOf('/') + 1, path.lastIndexOf('-')))
    }
  }
  return names
}

/** As everybody is told. */
function domainOf(friends: Friends, friend: Friend): string {
  const [node] = friends.up.flatMap((one) => one.node ?? [])
  return node?.roster.domain(friends.peerOf(friend)) ?? friend.name
}

/** @returns asked of a file by its name: whether the peer would say that it has it */
function saidBy({ shareStore, headStore }: PeerNode, vault: VaultId): (name: string) => boolean {
  const heads = headStore.heads(vault, { all: true })
  const names = new Set(heads.map(({ head }) => nameOf(head)))
  return (name) => {
    const key = keyOfName(vault, name)
    if (key === undefined) return names.has(name)
    return shareStore.account(key)?.isDamaged === false
  }
}

/** @param head - as it was published */
function nameOf(head: Uint8Array): string {
  const name = NAMES.get(head) ?? nameOfHead(openHead(head))
  NAMES.set(head, name)
  return name
}

function nameOfHead({ sequence, id }: SeenHead['head']): string {
  return `${sequence.toString().padStart(14, '0')}-${toHex(id).slice(0, 32)}.head`
}

function sharesOf(root: VolumeFolder, vault: VaultId): Generator<NamedFile> {
  return filesBelow(root, [SHARES_FOLDER, vault])
}

function headsOf(root: VolumeFolder, vault: VaultId): Generator<NamedFile> {
  return filesBelow(root, ['heads', vault])
}

/** @param way - names of folders to go down first */
function* filesBelow(
  folder: VolumeFolder,
  [next, ...rest]: readonly string[],
  { above = '', isKept = true } = {},
): Generator<NamedFile> {
  for (const [name, node] of folder.names) {
    if (next !== undefined && name !== next) continue
    const isDurable = isKept && folder.durable.get(name) === node
    const path = `${above}${name}`
    if (node instanceof VolumeFile) yield { name, path, file: node, isDurable }
    else yield* filesBelow(node, rest, { above: `${path}/`, isKept: isDurable })
  }
}
