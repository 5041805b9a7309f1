/**
 * Secret files: recovery words, invites and caps, in files that only their owner may read.
 *
 * Secrets are never taken from the command line, where every user of the machine could see them.
 */

import { closeSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { CapTooWeakError, requireCap, type RepairCap } from '../../protocol/cap.ts'
import { openInviteText } from '../../protocol/invite-text.ts'
import { FormatError, UsageError } from '../base/errors.ts'
import { wordsInKit } from './kit.ts'
import { syncFolderOf } from './sync-folder.ts'
import { systemWords } from './system-words.ts'

/** Far above any kit or invite; keeps a wrong path (a disk image, a device) out of memory. */
const SIZE_MAX = 4 * 1024 * 1024

/**
 * Write a new file that only its owner may read, and make it durable.
 *
 * @throws {UsageError} the name is taken, or the folder does not let us
 */
export function writeSecretFile(path: string, content: string | Uint8Array): void {
  const descriptor = openNew(path)
  if (typeof content === 'string') writeSync(descriptor, content)
  else writeSync(descriptor, content)
  fsyncSync(descriptor)
  closeSync(descriptor)
  syncFolderOf(path)
}

/**
 * See that a new file can be written there, before anything is done that cannot be taken back.
 *
 * @throws {UsageError} the name is taken, or the folder does not let us
 */
export function checkSecretFile(path: string): void {
  closeSync(openNew(path))
  rmSync(path)
}

/**
 * Read a secret from a file, or from standard input when the path is `-`.
 *
 * @param what - names it in errors: `the recovery words`
 * @throws {UsageError} there is no such file, or it is far too large
 */
export function readSecretFile(path: string, what: string): string {
  try {
    const text = readBounded(path === '-' ? 0 : openSync(path, 'r'))
    if (text !== undefined) return text
  } catch (error) {
    throw new UsageError(`cannot read ${what} from ${path}: ${reason(error)}`, { cause: error })
  }
  throw new UsageError(`${path} is too large to be ${what}`)
}

/** @returns the recovery words that a kit, or any file, holds; - reads standard input */
export function readWordsFile(path: string): string {
  return wordsInKit(readSecretFile(path, 'the recovery words'))
}

/**
 * Read an invite: a code that is good once, or an open invite.
 *
 * @throws {UsageError} also when the file holds something else
 */
export function readInviteFile(path: string): string {
  const text = readSecretFile(path, 'the invite').trim()
  try {
    openInviteText(text)
    return text
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    throw new UsageError(`${path} holds no invite: ${error.message}`, { cause: error })
  }
}

/**
 * Read a repair cap.
 *
 * @throws {UsageError} also when the file holds something else, such as another kind of cap
 */
export function readRepairCapFile(path: string): RepairCap {
  const text = readSecretFile(path, 'the repair cap').trim()
  try {
    return requireCap(text, 'repair')
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    // Of what is no cap at all the codec asks for any.
    const isOther = error instanceof CapTooWeakError
    const { message } = isOther ? new CapTooWeakError(error.found, 'repair') : error
    throw new UsageError(`${path} holds no repair cap: ${message}`, { cause: error })
  }
}

/** @returns the file's text, or `undefined` once it is longer than any secret we know */
function readBounded(descriptor: number): string | undefined {
  const parts: Buffer[] = []
  for (let size = 0; size <= SIZE_MAX;) {
    const part = Buffer.alloc(64 * 1024)
    const length = readSync(descriptor, part)
    if (length === 0) {
      closeSync(descriptor)
      return Buffer.concat(parts).toString('utf8')
    }
    parts.push(part.subarray(0, length))
    size += length
  }
  closeSync(descriptor)
  return undefined
}

function openNew(path: string): number {
  try {
    return openSync(path, 'wx', 0o600)
  } catch (error) {
    const text =
      (error as NodeJS.ErrnoException).code === 'EEXIST'
        ? 'it exists, and is never overwritten'
        : reason(error)
    throw new UsageError(`cannot write ${path}: ${text}`, { cause: error })
  }
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return systemWords(code ?? '') ?? message
}
