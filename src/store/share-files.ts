/**
 * Share files: names, places and readers of the files a peer keeps shares in.
 *
 *     shares/<vault>/<last two letters of the pack's name>/<pack>-<share number>.share
 *     … .share.<counter>.part    being received; swept when the peer starts
 *     … .share.bad               found damaged at start; kept aside for a person to look at
 *
 * Layout and promises: docs/peer.md
 */

import { FormatError } from '../../protocol/errors.ts'
import { packId, parsePackId } from '../../protocol/manifest.ts'
import {
  checkShareSize,
  decodeShareHeader,
  SHARE_HEADER_SIZE_MAX,
  type ShareHeader,
} from '../../protocol/share.ts'
import type { Disk, DiskFile } from '../ports/disk.ts'
import type { ShareKey } from './share-accounts.ts'

export const SHARES_FOLDER = 'shares'
export const PART_SUFFIX = '.part'
export const BAD_SUFFIX = '.bad'
const SHARE_SUFFIX = '.share'

/** The folder a share lies in. */
export function folderOf({ vault, pack }: ShareKey): string {
  return `${SHARES_FOLDER}/${vault}/${pack.slice(-2)}`
}

/** The path of a share's file. */
export function pathOf(key: ShareKey): string {
  return `${folderOf(key)}/${key.pack}-${key.shareNumber}${SHARE_SUFFIX}`
}

/** One text for one share, for maps. */
export function keyText({ pack, shareNumber, vault }: ShareKey): string {
  return `${pack}-${shareNumber}-${vault}`
}

/** @returns the share a file name in the folder of a vault stands for; `undefined` for other names */
export function keyOfName(vault: ShareKey['vault'], name: string): ShareKey | undefined {
  const match = /^([a-z2-7]{1,80})-(\d{1,3})\.share$/.exec(name)
  if (match === null) return undefined
  const [, pack = '', shareNumber = ''] = match
  try {
    return { vault, pack: parsePackId(pack), shareNumber: Number(shareNumber) }
  } catch {
    return undefined
  }
}

/**
 * Read the header of an open share file and check it against the file's size and name.
 *
 * @throws {FormatError} if the file is not whole, or not the share its name says
 */
export async function readHeader(file: DiskFile, key: ShareKey): Promise<ShareHeader> {
  const { header } = decodeShareHeader(await file.read(0, SHARE_HEADER_SIZE_MAX))
  const isNamed =
    header.vault === key.vault &&
    header.shareNumber === key.shareNumber &&
    packId(header.manifest) === key.pack
  if (!isNamed) throw new FormatError('share: the file is another share than its name says')
  checkShareSize(header, await file.size())
  return header
}

/**
 * Open a file, use it, close it.
 *
 * @returns `undefined` if there is no such file
 */
export async function withFile<T>(
  disk: Disk,
  path: string,
  use: (file: DiskFile) => Promise<T>,
): Promise<T | undefined> {
  const file = await disk.open(path)
  if (file === undefined) return undefined
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}
