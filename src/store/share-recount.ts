/**
 * Recount: make the accounts agree with the share files, when a peer starts.
 *
 * The files are the truth. What was being received is swept. An account without a file is dropped. A
 * file without an account gets one as *adopted*, since whether a head needs it is not known any more,
 * and keeping garbage costs room while dropping a needed share costs a file. A file that is not what
 * its name says is set aside.
 */

import { fromHex } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import { vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import { shareLayout } from '../../protocol/share.ts'
import { DiskError } from '../base/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Disk } from '../ports/disk.ts'
import type { Log } from '../ports/log.ts'
import type { ShareAccounts, ShareKey } from './share-accounts.ts'
import {
  BAD_SUFFIX,
  folderOf,
  keyOfName,
  keyText,
  pathOf,
  readHeader,
  SHARES_FOLDER,
  withFile,
} from './share-files.ts'

/** Sequence noted for shares whose adoption is not known: before every head. */
export const ADOPTED_UNKNOWN = 0

/** Our own names: whatever else a person, or their system, put beside them stays. */
const BUCKET_NAME = /^[a-z2-7]{2}$/
const PART_NAME = /^[a-z2-7]{1,80}-\d{1,3}\.share\.\d+\.part$/

export interface RecountParts {
  readonly disk: Disk
  readonly accounts: ShareAccounts
  readonly clock: Clock
  /** The peer's age, ms: shares without an account came now. */
  readonly age: number
  readonly log: Log
}

/** Sweep, recount, and say in the log what was found. */
export async function settleAccounts(parts: RecountParts): Promise<void> {
  const present = new Set<string>()
  const unknown: ShareKey[] = []
  for await (const key of sweep(parts.disk)) {
    present.add(keyText(key))
    if (parts.accounts.get(key) === undefined) unknown.push(key)
  }
  const lost = [...parts.accounts.all()].filter((account) => !present.has(keyText(account)))
  parts.accounts.transaction(() => {
    for (const account of lost) parts.accounts.remove(account)
  })
  // Whoever was killed between a rename and its sync left names that a power cut may still take.
  for (const folder of new Set(unknown.map(folderOf))) await parts.disk.syncFolder(folder)
  let setAside = 0
  for (const key of unknown) if (!(await enter(parts, key))) setAside += 1
  if (lost.length + unknown.length > 0) {
    const fields = { shares: present.size, lost: lost.length, entered: unknown.length - setAside }
    parts.log.warn('share accounts recounted', { ...fields, setAside })
  }
}

/** Remove unfinished files and give the keys of the others. */
async function* sweep(disk: Disk): AsyncGenerator<ShareKey> {
  for (const owner of await disk.list(SHARES_FOLDER)) {
    const vault = vaultOf(owner)
    if (vault === undefined) continue
    const buckets = await disk.list(`${SHARES_FOLDER}/${vault}`)
    for (const bucket of buckets.filter((name) => BUCKET_NAME.test(name))) {
      const folder = `${SHARES_FOLDER}/${vault}/${bucket}`
      for (const name of await disk.list(folder)) {
        if (PART_NAME.test(name)) await disk.remove(`${folder}/${name}`)
        const key = keyOfName(vault, name)
        if (key !== undefined && pathOf(key) === `${folder}/${name}`) yield key
      }
    }
  }
}

/** @returns whether the file is what its name says and has an account now */
async function enter(parts: RecountParts, key: ShareKey): Promise<boolean> {
  const { disk, accounts, clock, age, log } = parts
  try {
    const size = await withFile(disk, pathOf(key), async (file) => {
      return shareLayout(await readHeader(file, key)).size
    })
    if (size === undefined) return false
    const receivedAt = clock.now()
    const fresh = { receivedAt, receivedAge: age, keptBy: 0, forgoneAge: null, release: null }
    accounts.put({ ...key, ...fresh, size, adoptedBy: ADOPTED_UNKNOWN, isDamaged: false })
    return true
  } catch (error) {
    if (error instanceof DiskError) {
      log.error('share unreadable', { pack: key.pack, share: key.shareNumber, why: error.message })
      return false
    }
    if (!(error instanceof FormatError)) throw error
    await disk.rename(pathOf(key), pathOf(key) + BAD_SUFFIX)
    log.error('share set aside', { pack: key.pack, share: key.shareNumber, error: error.name })
    return false
  }
}

/** @returns the vault a folder belongs to; `undefined` for other names */
function vaultOf(name: string): VaultId | undefined {
  try {
    return vaultIdFromBytes(fromHex(name))
  } catch {
    return undefined
  }
}
