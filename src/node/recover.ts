/**
 * Recovery: a vault again, from its 24 words and one friend.
 *
 * The words give every key and the identity that the grid admitted beside the device. As that
 * identity this machine asks all peers for heads, follows the highest, certifies a new device for
 * itself, and has the grid admit it. From then on it goes on where the lost machine stopped.
 */

import { openHead } from '../../protocol/head.ts'
import { openInviteText } from '../../protocol/invite-text.ts'
import { peerIdOf, deriveReadKeys, deriveVaultKeys, type PeerId } from '../../protocol/keys.ts'
import { parsePeerId } from '../../protocol/keys.ts'
import { vaultIdFromBytes } from '../../protocol/ids.ts'
import type { SnapshotRow } from '../../protocol/snapshots.ts'
import type { PackId } from '../../protocol/manifest.ts'
import { signRelease } from '../../protocol/release.ts'
import { wordsToRoot } from '../../protocol/words.ts'
import { withDatabaseErrors } from '../base/database-error.ts'
import { assertEntropy } from '../base/entropy.ts'
import { UsageError } from '../base/errors.ts'
import { TreeReader } from '../history/tree-reader.ts'
import { VaultObjects } from '../history/vault-objects.ts'
import { snapshots } from '../history/snapshot-list.ts'
import { LocalState } from '../restore/local-state.ts'
import { NoHeadError, newestHead, type NewestHead } from '../restore/newest-head.ts'
import { writeGridFile, type GridFile } from '../store/grid-file.ts'
import { noteSnapshot } from '../store/last-snapshot.ts'
import { assertNoKeyring, createKeyring } from '../store/keyring.ts'
import { DATABASE_NAME, type ClientPorts } from './client-ports.ts'
import { openStores } from './client-stores.ts'
import {
  NotAdmittedError,
  admission,
  gridFileOf,
  learnGrid,
  openGridLink,
  type GridLink,
} from './grid-link.ts'
import { noteFirstHeads, witnessWords } from './heads.ts'
import { newDevice, type NewKeyring } from './vault.ts'

export interface RecoverRequest {
  /** 24 words, in whatever layout they were written. */
  readonly words: string
  /** Either an invite's text, or one peer's multiaddr ending in `/p2p/…`. */
  readonly invite?: string
  readonly peer?: string
  /**
   * Bring the vault back as this head, or the last one before it, left it: what came later was a mistake, or
   * a thief's. Peers keep all heads of the last 30 days, and all that those need.
   */
  readonly head?: number
}

export interface RecoverSummary {
  readonly vault: string
  /** How old the newest head is, and who vouches for it, in words. */
  readonly head: string
  readonly sequence: number
  readonly snapshots: number
  readonly peersAsked: number
  readonly peersAnswered: number
  readonly newest: SnapshotRow | undefined
  readonly warnings: readonly string[]
}

/**
 * Make a home from words.
 *
 * @throws {WrongWordsError}
 * @throws {VaultExistsError}
 * @throws {EntropyError}
 * @throws {NotAdmittedError}
 * @throws {NoHeadError} no peer that answers knows the vault
 */
export function recover(
  ports: ClientPorts,
  request: RecoverRequest,
  signal: AbortSignal,
): Promise<RecoverSummary> {
  return withDatabaseErrors(DATABASE_NAME, () => makeHome(ports, request, signal))
}

async function makeHome(
  ports: ClientPorts,
  request: RecoverRequest,
  signal: AbortSignal,
): Promise<RecoverSummary> {
  assertEntropy(ports.random)
  const keys = deriveVaultKeys(wordsToRoot(request.words))
  await assertNoKeyring(ports.disk)
  const vault = vaultIdFromBytes(keys.vaultKey.publicKey)
  const recovery = keys.recoveryKey
  const file = await findGrid(ports, request, recovery.seed, signal)

  const link = await openGridLink(ports, recovery.seed, file)
  try {
    await link.grid.syncRoster(signal)
    const all = request.head !== undefined
    const asked = await link.grid.heads(vault, signal, { all })
    const { answers, failures } = asked
    const newest = newestHead(answers, vault)
    if (newest === undefined) {
      throw new NoHeadError(
        answers.length === 0
          ? 'No peer answered: none is up, or all have moved since this was written, or this grid does not know the ' +
              'vault of these words. A friend can say where it is now: "cairn recover --peer" takes its address'
          : `None of the ${answers.length} peers that answered has a backup of this vault: ` +
              'check that the words belong to this grid',
      )
    }
    const chosen = request.head === undefined ? newest : headUpTo(answers, vault, request.head)
    const keyring = newDevice(keys, newest.head.epoch + 1, ports)
    await admitDevice(
      link,
      keyring.device.publicKey,
      { vault, recovery, now: ports.clock.now() },
      signal,
    )
    const { rows, packs } = await followHead(
      ports,
      link,
      keys.readSecret,
      { chosen, newest },
      signal,
    )
    // The keyring comes last: until then the home is none, and recovery can simply be done again.
    const known = { grid: file.grid, statements: link.roster.statements() }
    await writeGridFile(ports.disk, known)
    const isBack = chosen !== newest
    const untold = await holdOn(ports, keyring, { file: known, newest, packs, isBack }, signal)
    await createKeyring(ports.disk, keyring)
    const { line, warnings } = witnessWords(newest, asked, ports.clock.now())
    const contradictions = await noteFirstHeads(ports, vault, asked, link.roster)
    return {
      vault,
      head: line,
      sequence: chosen.head.sequence,
      snapshots: rows.length,
      peersAsked: answers.length + failures.length,
      peersAnswered: answers.length,
      newest: rows[0],
      warnings: [...warnings, ...warningsOf(newest), ...contradictions, ...warningOfUntold(untold)],
    }
  } finally {
    await link.close()
  }
}

/**
 * Tell peers at once what is needed: the lost machine may not have come to it, and may have said last that it
 * does without what came before. Where an older head was chosen, nothing that was
 * released since goes.
 *
 * @returns how many peers could not be told
 */
async function holdOn(
  ports: ClientPorts,
  { vault, device, pruneKey, pruneCertificate }: NewKeyring,
  {
    file,
    newest,
    packs,
    isBack,
  }: {
    readonly file: GridFile
    readonly newest: NewestHead
    readonly packs: readonly PackId[]
    readonly isBack: boolean
  },
  signal: AbortSignal,
): Promise<number> {
  const { sequence, id } = newest.head
  const document = signRelease(
    { vault, certificate: pruneCertificate, kind: 'cancel', head: { sequence, id }, packs: [] },
    pruneKey,
  )
  const link = await openGridLink(ports, device.seed, file)
  try {
    const told = [await link.grid.adopt(packs, sequence, vault, signal)]
    if (isBack) told.push(await link.grid.release([document], signal))
    return new Set(told.flatMap(({ failures }) => failures.map(({ peer }) => peer))).size
  } finally {
    await link.close()
  }
}

function warningOfUntold(count: number): string[] {
  if (count === 0) return []
  return [
    `${count} ${count === 1 ? 'peer' : 'peers'} could not be told what this vault needs: ` +
      'run "cairn backup" when they are there',
  ]
}

/** @throws {NoHeadError} */
function headUpTo(
  answers: Parameters<typeof newestHead>[0],
  vault: Parameters<typeof newestHead>[1],
  sequence: number,
): NewestHead {
  const until = answers.map(({ peer, heads }) => ({
    peer,
    heads: heads.filter(({ head }) => openHead(head).sequence <= sequence),
  }))
  // Of all devices the vault ever had the last word before it.
  const found = newestHead(until, vault)
  if (found !== undefined) return found
  throw new NoHeadError(`No peer that answered keeps a head of this vault up to ${sequence}`)
}

async function findGrid(
  ports: ClientPorts,
  { invite, peer }: RecoverRequest,
  seed: Uint8Array,
  signal: AbortSignal,
): Promise<GridFile> {
  // Only its addresses are needed, not its right to admit: the words lie in a drawer for years.
  const opened = invite === undefined ? undefined : openInviteText(invite)
  if (opened?.kind === 'open') return gridFileOf(opened.invite)
  if (opened?.kind === 'code') {
    const { inviter, addresses } = opened.code
    return learnGrid(ports, seed, { peer: inviter, addresses }, signal)
  }
  return learnGrid(ports, seed, parseMultiaddr(peer ?? ''), signal)
}

/** @throws {UsageError} */
export function parseMultiaddr(text: string): { peer: PeerId; addresses: readonly string[] } {
  const match = /^(\/.+)\/p2p\/([^/]+)$/.exec(text.trim())
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new UsageError(
      "A peer's address looks like /ip4/192.0.2.7/tcp/4280/p2p/12D3Koo…; the part after /p2p/ says who must answer",
    )
  }
  return { peer: parsePeerId(match[2]), addresses: [match[1]] }
}

async function admitDevice(
  { grid, roster }: GridLink,
  device: Uint8Array,
  by: {
    vault: ReturnType<typeof vaultIdFromBytes>
    recovery: Parameters<typeof admission>[2]
    now: number
  },
  signal: AbortSignal,
): Promise<void> {
  const subject = peerIdOf(device)
  const about = { subject, role: 'device', vault: by.vault } as const
  await roster.merge([admission(roster.grid, about, by.recovery, by.now)])
  if (!roster.isAdmitted(subject)) {
    throw new NotAdmittedError(
      "The grid's roster does not take this machine: it is full, or this vault was removed from it. " +
        'Ask the friend who founded the grid; nothing was changed here',
    )
  }
  await grid.syncRoster(signal)
}

async function followHead(
  ports: ClientPorts,
  { grid }: GridLink,
  readSecret: Uint8Array,
  { chosen, newest }: { readonly chosen: NewestHead; readonly newest: NewestHead },
  signal: AbortSignal,
): Promise<{ readonly rows: readonly SnapshotRow[]; readonly packs: readonly PackId[] }> {
  const readKeys = deriveReadKeys(readSecret)
  const stores = await openStores(ports, readKeys)
  try {
    const source = new VaultObjects({ ...stores, grid }, signal)
    const tree = new TreeReader({ source })
    const state = new LocalState({ ...stores, grid, source, tree, log: ports.log }, readKeys)
    await stores.published.keepHead(newest.bytes)
    const root = await state.follow(chosen.head, signal)
    const current = stores.published.current()
    if (chosen !== newest && current !== undefined) {
      // The vault's order goes on behind its newest head; what that led to is left to the next gc.
      const { sequence, id } = newest.head
      stores.published.set('published', { ...current, sequence, head: id })
      await state.noteLeftBehind(newest.head, signal)
    }
    await state.rebuildEntries(root, signal)
    const rows: SnapshotRow[] = []
    for await (const row of snapshots(root.snapshots, source)) rows.push(row)
    for (const row of rows.toReversed()) noteSnapshot(stores.settings, row)
    const ids = stores.packs.numbers().flatMap((number) => stores.packs.get(number)?.id ?? [])
    const ledger = stores.published.current()?.segments ?? []
    return { rows, packs: [...new Set([...ids, ...ledger.map(({ pointer }) => pointer.pack)])] }
  } finally {
    stores.database.close()
  }
}

export function warningsOf({ stale, forks, head }: NewestHead): string[] {
  const warnings: string[] = []
  if (stale.length > 0) {
    warnings.push(
      `${stale.length} peers showed an older state than snapshot ${head.sequence}: ${stale.join(', ')}`,
    )
  }
  if (forks > 0) {
    warnings.push(
      `Two devices published snapshot ${head.sequence}: the one more peers have was taken`,
    )
  }
  return warnings
}
