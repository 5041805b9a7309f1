/**
 * Devices of a vault: who they are, and how a lost one is shut out.
 *
 * Every peer refuses a device that the vault's recovery identity removed from the roster, from the moment it hears of
 * it. What the device read before it keeps; nobody can take that back.
 */

import { deviceIdFromBytes, deviceIdToBytes, type DeviceId } from '../../protocol/ids.ts'
import { openHead, type OpenedHead } from '../../protocol/head.ts'
import { peerIdOf, publicKeyOf, type PeerId } from '../../protocol/keys.ts'
import { signStatement } from '../../protocol/roster.ts'
import { UsageError } from '../base/errors.ts'
import type { RosterBook } from '../grid/roster-book.ts'
import { readGridFile } from '../store/grid-file.ts'
import { NotAdmittedError, openGridLink } from './grid-link.ts'
import { keysFromWords } from './prune-key.ts'
import type { VaultSession } from './vault-session.ts'

export interface VaultDevice {
  readonly device: DeviceId
  /** The same key, as it is known on the network. */
  readonly peer: PeerId
  readonly name?: string
  readonly isThis: boolean
  /** Whether peers let it in; a device that was replaced or revoked may still have heads. */
  readonly isAdmitted: boolean
  /** Its newest head that any peer shows. */
  readonly newest?: Pick<OpenedHead, 'sequence' | 'epoch' | 'writtenAt'>
}

export interface DeviceList {
  /** This device first, then by their newest heads. */
  readonly devices: readonly VaultDevice[]
  readonly peersAsked: number
  readonly peersAnswered: number
}

export interface Revoked {
  readonly device: VaultDevice
  readonly told: readonly PeerId[]
  readonly missed: readonly PeerId[]
}

/** Devices that the roster admits for this vault, and those whose heads peers keep. */
export async function listDevices(session: VaultSession, signal: AbortSignal): Promise<DeviceList> {
  const { vault } = session.keyring
  const { grid, roster } = await session.link()
  await grid.syncRoster(signal)
  const { answers, failures } = await grid.heads(vault, signal)
  const newest = new Map<DeviceId, OpenedHead>()
  for (const { head } of answers.flatMap(({ heads }) => heads)) {
    const opened = openHead(head)
    const before = newest.get(opened.device)
    if (before === undefined || before.sequence < opened.sequence) newest.set(opened.device, opened)
  }
  const known = new Set([...newest.keys(), ...admittedDevices(session, roster)])
  const devices = [...known].map((device) => describe(session, roster, device, newest.get(device)))
  return {
    devices: devices.toSorted(
      (a, b) =>
        Number(b.isThis) - Number(a.isThis) ||
        (b.newest?.sequence ?? 0) - (a.newest?.sequence ?? 0) ||
        (a.device < b.device ? -1 : 1),
    ),
    peersAsked: answers.length + failures.length,
    peersAnswered: answers.length,
  }
}

/**
 * Shut a device out.
 *
 * @param id - how its id begins, in either form, or its name
 * @param words - the vault's 24 words: a thief of this very machine must not shut out the others
 * @throws {WrongWordsError}
 * @throws {UsageError} the words are of another vault, or no other device of this one is meant
 * @throws {NotAdmittedError} the roster does not take it
 */
export async function revokeDevice(
  session: VaultSession,
  { id, words }: { readonly id: string; readonly words: string },
  signal: AbortSignal,
): Promise<Revoked> {
  const keys = keysFromWords(words, session.keyring.vault)
  const device = chosen((await listDevices(session, signal)).devices, id)
  // The link below keeps the roster from now on.
  await session.unlink()
  const file = await readGridFile(session.ports.disk)
  if (file === undefined) throw new UsageError('This vault belongs to no grid')
  const link = await openGridLink(session.ports, keys.recoveryKey.seed, file)
  try {
    const { roster, grid } = link
    const issuer = peerIdOf(keys.recoveryKey.publicKey)
    const subject = device.peer
    const issuedAt = roster.issueTime(subject)
    const removal = {
      version: 1,
      grid: file.grid,
      type: 'remove',
      subject,
      issuer,
      issuedAt,
    } as const
    await roster.merge([signStatement(removal, keys.recoveryKey)])
    if (roster.member(subject)?.vault === session.keyring.vault) {
      throw new NotAdmittedError(
        'The grid’s roster does not take the removal: it is full, or the vault was removed from it',
      )
    }
    const { answered, failures } = await grid.syncRoster(signal)
    return { device, told: answered, missed: failures.map(({ peer }) => peer) }
  } finally {
    await link.close()
  }
}

function chosen(devices: readonly VaultDevice[], id: string): VaultDevice {
  const isMeant = ({ device, peer, name }: VaultDevice) =>
    name === id ||
    (id.length >= 4 && (device.startsWith(id) || peer.startsWith(id) || peer.endsWith(id)))
  const found = devices.filter(isMeant)
  const [device] = found
  if (device === undefined || found.length > 1) {
    throw new UsageError(
      found.length === 0
        ? `No device of this vault has an id that begins with ${id}, or that name`
        : `${id} is not one device alone: give more of its id`,
    )
  }
  if (device.isThis) {
    throw new UsageError(
      'That is this very device. Recover the vault elsewhere first, then revoke from there',
    )
  }
  if (!device.isAdmitted) throw new UsageError('That device is not in the grid any more')
  return device
}

function admittedDevices({ keyring }: VaultSession, roster: RosterBook): DeviceId[] {
  return roster
    .members()
    .filter(({ role, vault }) => role === 'device' && vault === keyring.vault)
    .map(({ peer }) => deviceIdFromBytes(publicKeyOf(peer)))
}

function describe(
  { keyring }: VaultSession,
  roster: RosterBook,
  device: DeviceId,
  head: OpenedHead | undefined,
): VaultDevice {
  const peer = peerIdOf(deviceIdToBytes(device))
  const member = roster.member(peer)
  const isAdmitted = member?.role === 'device' && member.vault === keyring.vault
  return {
    device,
    peer,
    isThis: device === deviceIdFromBytes(keyring.device.publicKey),
    isAdmitted,
    ...(member?.name === undefined ? {} : { name: member.name }),
    ...(head === undefined
      ? {}
      : { newest: { sequence: head.sequence, epoch: head.epoch, writtenAt: head.writtenAt } }),
  }
}
