/**
 * `cairn peer export` and `cairn peer import`: a peer's identity, to another disk or another machine.
 */

import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { HomeLock } from '../../adapters/home-lock.ts'
import { NodeDisk } from '../../adapters/node-disk.ts'
import { PinoLog } from '../../adapters/pino-log.ts'
import { peerIdOf, signingKeyFromSeed } from '../../../protocol/keys.ts'
import {
  decodePeerFile,
  encodePeerFile,
  isSealedPeerFile,
  PEER_FILE_RANDOM_SIZE,
} from '../../../protocol/peer-file.ts'
import { fitting } from '../../../protocol/messages.ts'
import { Roster } from '../../../protocol/roster.ts'
import { FormatError, UsageError } from '../../base/errors.ts'
import { GridNotFoundError } from '../../node/grid-link.ts'
import { loadRoster } from '../../store/roster-store.ts'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { escapeLine } from '../escape.ts'
import { PeerStore } from '../grid/peer-store.ts'
import { readSecretFile, writeSecretFile } from '../secret-file.ts'

interface ExportOptions extends CommonOptions {
  readonly store: string
  readonly to: string
  readonly passphraseFrom?: string
}

interface ImportOptions extends CommonOptions {
  readonly store: string
  readonly from: string
  readonly passphraseFrom?: string
}

export function exportCommand(context: Context): Command {
  return makeCommand('export', {
    summary: 'back up a peer’s identity, or take it to another machine',
    details:
      'The file holds the peer’s key, its grid and the roster, and no shares: copy the folders `shares` and\n' +
      '`heads` of the store for those. Whoever has the file can be this peer; a passphrase seals it.',
    examples: [
      'cairn peer export --store /srv/cairn --to peer.txt --passphrase-from passphrase.txt',
      'cairn peer export --store /srv/cairn --to /media/safe/peer.txt',
    ],
  })
    .requiredOption('--store <folder>', 'the store of the peer')
    .requiredOption('--to <file>', 'a new file that only you can read')
    .option('--passphrase-from <file>', 'seal it with what this file holds; - reads standard input')
    .action(async (options: ExportOptions) => runExport(context, options))
}

export function importCommand(context: Context): Command {
  return makeCommand('import', {
    summary: 'make a store for a peer that was exported; it is that peer from then on',
    details:
      'Copy the folders `shares` and `heads` of the old store into the new one: the peer serves what it finds.\n' +
      'The old peer must never run again beside the new one.',
    examples: [
      'cairn peer import --from peer.txt --store /srv/new --passphrase-from passphrase.txt',
    ],
  })
    .requiredOption('--from <file>', 'what `peer export` wrote; - reads standard input')
    .requiredOption('--store <folder>', 'a store without a peer')
    .option('--passphrase-from <file>', 'the passphrase of a sealed file')
    .action(async (options: ImportOptions) => runImport(context, options))
}

async function runExport(context: Context, options: ExportOptions): Promise<void> {
  const output = outputOf(context, options)
  const folder = resolve(context.workingFolder, options.store)
  // Nothing is made here: a wrong path must not look like a peer afterwards.
  if (!existsSync(join(folder, 'key'))) throw noPeerIn(folder)
  const store = PeerStore.open(folder)
  const founding = store.grid()
  if (founding === undefined) throw noPeerIn(folder)

  const { seed, publicKey } = store.key()
  const roster = new Roster(founding.grid)
  for (const statement of [...founding.statements, ...(await statementsIn(folder))])
    roster.add(statement)
  const listen = store.listen()
  const file = {
    seed,
    grid: founding.grid,
    statements: fitting(roster.statements(), (bytes) => bytes.length),
    listen: listen === undefined ? [] : [listen],
  }
  const passphrase = passphraseFrom(options.passphraseFrom)
  const random = new Uint8Array(randomBytes(PEER_FILE_RANDOM_SIZE))
  const text = encodePeerFile(file, passphrase === undefined ? undefined : { passphrase, random })
  const path = resolve(context.workingFolder, options.to)
  writeSecretFile(path, `${headOf(peerIdOf(publicKey), passphrase !== undefined)}\n${text}\n`)

  const peer = peerIdOf(publicKey)
  const isSealed = passphrase !== undefined
  output.json({
    message_type: 'peer_exported',
    peer,
    grid: founding.grid,
    file: path,
    is_sealed: isSealed,
  })
  output.data(`${peer} is in ${path}`)
  if (!isSealed) {
    output.warn(
      'the file is not sealed: whoever reads it can be this peer. Keep it as you keep a key, or add --passphrase-from',
    )
  }
}

async function runImport(context: Context, options: ImportOptions): Promise<void> {
  const output = outputOf(context, options)
  const text = typedLineOf(readSecretFile(options.from, 'the exported peer'))
  const isSealed = opened(options.from, () => isSealedPeerFile(text))
  if (isSealed && options.passphraseFrom === undefined) {
    throw new UsageError(`${options.from} is sealed: add --passphrase-from FILE`)
  }
  const passphrase = isSealed ? passphraseFrom(options.passphraseFrom) : undefined
  const file = opened(options.from, () => decodePeerFile(text, passphrase))

  const store = PeerStore.open(resolve(context.workingFolder, options.store))
  const lock = HomeLock.take(store.folder, 'write')
  try {
    store.become(file)
  } finally {
    lock.release()
  }
  const peer = peerIdOf(signingKeyFromSeed(file.seed).publicKey)
  output.json({
    message_type: 'peer_imported',
    peer,
    grid: file.grid,
    store: store.folder,
    listened_at: file.listen,
  })
  output.data(`${peer} is in ${store.folder}`)
  output.say(
    `Copy the old store's folders "shares" and "heads" into it, then: cairn peer run --store ${store.folder} --capacity SIZE --listen ${escapeLine(file.listen[0] ?? 'MULTIADDR')}`,
  )
  output.warn('never run the old peer again: two with one identity mislead everybody')
}

async function statementsIn(folder: string): Promise<readonly Uint8Array[]> {
  const log = new PinoLog({ level: 'info', file: join(folder, 'log') })
  return await loadRoster(await NodeDisk.open(folder), log)
}

/** @throws {UsageError} an empty passphrase would be as good as none */
function passphraseFrom(path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  const passphrase = readSecretFile(path, 'the passphrase').replace(/\r?\n$/, '')
  if (passphrase === '') throw new UsageError(`${path} holds no passphrase`)
  return passphrase
}

/** @throws {UsageError} the text is none of ours; a wrong passphrase stays what it is */
function opened<T>(path: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    const isOther = error instanceof FormatError && error.name !== 'WrongPassphraseError'
    throw isOther ? new UsageError(`${path} holds no exported peer: ${error.message}`) : error
  }
}

function typedLineOf(text: string): string {
  return text
    .split(/\r?\n/)
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('')
}

function headOf(peer: string, isSealed: boolean): string {
  const lines = [
    `# Cairn storage peer ${peer}`,
    isSealed
      ? '# Sealed with a passphrase. Whoever has both can be this peer.'
      : '# NOT SEALED: whoever reads this file can be this peer. Keep it as you keep a key.',
    '# To bring it back: cairn peer import --from THIS-FILE --store FOLDER, and the old folders "shares" and "heads" in it.',
    '# Never run two peers with one identity.',
  ]
  return lines.join('\n')
}

function noPeerIn(folder: string): GridNotFoundError {
  return new GridNotFoundError(`There is no peer in ${folder}`)
}
