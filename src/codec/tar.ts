/**
 * Tar: the headers of a pax archive (POSIX.1-2001, pax(1)), as GNU tar, bsdtar and Python read it.
 *
 * What a ustar header cannot say stands in a pax header before it: long names, names in UTF-8, numbers
 * beyond octal digits, times to the nanosecond, extended attributes (`SCHILY.xattr.*`) and ACLs
 * (`SCHILY.acl.*`) as GNU tar writes them. Names that are no UTF-8 stand there byte for byte, as with
 * GNU tar. Libraries for Node take names and attributes as text and would change such bytes.
 */

import { concat, utf8 } from '../../protocol/bytes.ts'
import { assert } from '../base/assert.ts'

const BLOCK_SIZE = 512

/** GNU tar reads and writes 20 blocks at a time, and so do tapes. */
const RECORD_SIZE = 20 * BLOCK_SIZE

export type TarKind =
  'file' | 'folder' | 'symlink' | 'hardLink' | 'fifo' | 'characterDevice' | 'blockDevice'

const TYPE_FLAGS: Readonly<Record<TarKind, string>> = {
  file: '0',
  hardLink: '1',
  symlink: '2',
  characterDevice: '3',
  blockDevice: '4',
  folder: '5',
  fifo: '6',
}

export interface TarEntry {
  /** Where it goes, without a slash at the front or the end. */
  readonly path: Uint8Array
  readonly kind: TarKind
  /** Permission bits: 0o0000–0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly userName?: string | undefined
  readonly groupName?: string | undefined
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number }
  /** Bytes that follow the header; 0 for all but files. */
  readonly size: number
  /** What a symbolic link says, or the path of the file that a hard link is another name of. */
  readonly link?: Uint8Array
  readonly device?: { readonly major: number; readonly minor: number }
  readonly attributes?: readonly { readonly name: Uint8Array; readonly value: Uint8Array }[]
}

/** Where a ustar header has its fields, and how long they are (pax(1), ustar Interchange Format). */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  link: [157, 100],
  magic: [257, 8],
  userName: [265, 32],
  groupName: [297, 32],
  major: [329, 8],
  minor: [337, 8],
} as const

type Field = keyof typeof FIELDS

/** @returns one header, or two: whole blocks, after which the content belongs */
export function tarHeader(entry: TarEntry): Uint8Array {
  const records = paxRecords(entry)
  const header = new Header(TYPE_FLAGS[entry.kind])
  header.bytes('name', storedPath(entry))
  header.octal('mode', entry.mode)
  header.octal('uid', entry.uid)
  header.octal('gid', entry.gid)
  header.octal('size', entry.size)
  header.octal('mtime', entry.mtime.seconds)
  header.bytes('link', entry.link ?? new Uint8Array(0))
  header.bytes('userName', utf8(entry.userName ?? ''))
  header.bytes('groupName', utf8(entry.groupName ?? ''))
  header.octal('major', entry.device?.major ?? 0)
  header.octal('minor', entry.device?.minor ?? 0)
  return records.length === 0 ? header.finish() : concat(paxHeader(records), header.finish())
}

/** @returns the zero bytes between a content of this size and the next header */
export function tarPadding(size: number): Uint8Array {
  return new Uint8Array((BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE)
}

/** @param size - of all that was written before */
export function tarEnd(size: number): Uint8Array {
  assert(size % BLOCK_SIZE === 0, 'an archive is made of blocks')
  const end = size + 2 * BLOCK_SIZE
  return new Uint8Array(Math.ceil(end / RECORD_SIZE) * RECORD_SIZE - size)
}

class Header {
  readonly #block = new Uint8Array(BLOCK_SIZE)

  constructor(type: string) {
    this.bytes('type', utf8(type))
    this.bytes('magic', utf8('ustar\u000000'))
  }

  /** What is too long is cut off: then the pax header says it. */
  bytes(field: Field, bytes: Uint8Array): void {
    const [offset, length] = FIELDS[field]
    this.#block.set(bytes.subarray(0, length), offset)
  }

  /** What does not fit is 0: then the pax header says it. */
  octal(field: Field, value: number): void {
    const digits = FIELDS[field][1] - 1
    const text = value >= 0 && value < 8 ** digits ? value.toString(8) : '0'
    this.bytes(field, utf8(`${text.padStart(digits, '0')}\0`))
  }

  /** The checksum counts itself as spaces. */
  finish(): Uint8Array {
    this.bytes('checksum', utf8(' '.repeat(8)))
    const sum = this.#block.reduce((total, byte) => total + byte, 0)
    this.bytes('checksum', utf8(`${sum.toString(8).padStart(6, '0')}\0 `))
    return this.#block
  }
}

interface PaxRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

function paxRecords(entry: TarEntry): PaxRecord[] {
  const { uid, gid, size, mtime, device, attributes = [] } = entry
  const records: PaxRecord[] = []
  const say = (key: string, value: string | Uint8Array) =>
    records.push({ key: utf8(key), value: typeof value === 'string' ? utf8(value) : value })
  const bytes = (key: string, field: Field, value: Uint8Array) => {
    if (value.length > FIELDS[field][1] || isOtherUtf8(value)) say(key, value)
  }
  const number = (key: string, field: Field, value: number) => {
    if (value >= 8 ** (FIELDS[field][1] - 1)) say(key, String(value))
  }
  bytes('path', 'name', storedPath(entry))
  bytes('linkpath', 'link', entry.link ?? new Uint8Array(0))
  bytes('uname', 'userName', utf8(entry.userName ?? ''))
  bytes('gname', 'groupName', utf8(entry.groupName ?? ''))
  number('uid', 'uid', uid)
  number('gid', 'gid', gid)
  number('size', 'size', size)
  if (mtime.nanoseconds > 0 || mtime.seconds < 0 || mtime.seconds >= 8 ** 11) {
    say('mtime', decimal(mtime))
  }
  number('SCHILY.devmajor', 'major', device?.major ?? 0)
  number('SCHILY.devminor', 'minor', device?.minor ?? 0)
  records.push(...attributes.map(attributeRecord))
  return records
}

/** A POSIX ACL is told in words; every other attribute as it is. */
function attributeRecord({ name, value }: { name: Uint8Array; value: Uint8Array }): PaxRecord {
  const text = Buffer.from(name).toString('latin1')
  const acl = /^system\.posix_acl_(access|default)$/.exec(text)?.[1]
  const words = acl === undefined ? undefined : aclText(value)
  if (words !== undefined) return { key: utf8(`SCHILY.acl.${acl}`), value: utf8(words) }
  // The first `=` ends the key, so that of a name is escaped as GNU tar does it.
  const key = text.replaceAll('%', '%25').replaceAll('=', '%3D')
  return { key: new Uint8Array(Buffer.from(`SCHILY.xattr.${key}`, 'latin1')), value }
}

const ACL_TAGS: ReadonlyMap<number, string> = new Map([
  [0x01, 'user'],
  [0x02, 'user'],
  [0x04, 'group'],
  [0x08, 'group'],
  [0x10, 'mask'],
  [0x20, 'other'],
])

/**
 * @param value - as Linux keeps it: version 2, then tag, rights and id of each entry, little-endian
 * @returns what setfacl(1) takes; `undefined` where it is something else
 */
function aclText(value: Uint8Array): string | undefined {
  const view = new DataView(value.buffer, value.byteOffset, value.length)
  if (value.length % 8 !== 4 || view.getUint32(0, true) !== 2) return undefined
  const lines: string[] = []
  for (let at = 4; at < value.length; at += 8) {
    const tag = view.getUint16(at, true)
    const word = ACL_TAGS.get(tag)
    if (word === undefined) return undefined
    const id = tag === 0x02 || tag === 0x08 ? String(view.getUint32(at + 4, true)) : ''
    const rights = view.getUint16(at + 2, true)
    const letters = [4, 2, 1].map((bit, index) => (rights & bit ? 'rwx'[index] : '-')).join('')
    lines.push(`${word}:${id}:${letters}`)
  }
  return lines.join('\n')
}

function paxHeader(records: readonly PaxRecord[]): Uint8Array {
  const body = concat(...records.map(paxRecord))
  const header = new Header('x')
  header.bytes('name', utf8('PaxHeaders/cairn'))
  header.octal('mode', 0o644)
  header.octal('size', body.length)
  for (const field of ['uid', 'gid', 'mtime', 'major', 'minor'] as const) header.octal(field, 0)
  return concat(header.finish(), body, tarPadding(body.length))
}

/** `length key=value\n`, where the length counts its own digits. */
function paxRecord({ key, value }: PaxRecord): Uint8Array {
  const rest = key.length + value.length + 3
  let length = rest
  while (length !== rest + String(length).length) length = rest + String(length).length
  return concat(utf8(`${length} `), key, utf8('='), value, utf8('\n'))
}

function storedPath({ kind, path }: TarEntry): Uint8Array {
  return kind === 'folder' ? concat(path, utf8('/')) : path
}

/** A ustar header is ASCII; bytes that are no text at all may as well stand there. */
function isOtherUtf8(bytes: Uint8Array): boolean {
  if (bytes.every((byte) => byte < 0x80)) return false
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

/** Seconds are rounded down, so before 1970 the nanoseconds count towards it. */
function decimal({ seconds, nanoseconds }: TarEntry['mtime']): string {
  if (nanoseconds === 0) return String(seconds)
  const isBefore = seconds < 0
  const whole = isBefore ? -(seconds + 1) : seconds
  const part = isBefore ? 1_000_000_000 - nanoseconds : nanoseconds
  return `${isBefore ? '-' : ''}${whole}.${String(part).padStart(9, '0')}`
}
