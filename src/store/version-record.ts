/**
 * Version records: a finished file's new versions, as the queue keeps them until they are published.
 *
 * Local only; the tree has formats of its own. A version's references are listed whole here, however
 * many; the tree phase turns long lists into list objects. One record is written and read for each
 * changed file, so the layout is plain:
 *
 *     version*   id, size, flags u8, label u8, base if a delta, digest 32 if there is one,
 *                depth u8, number of references, reference*,
 *                number of extras if there are any, extra*
 *     reference  pack, offset, length, secret 32, 0 or ordinal + 1
 *     extra      type, number of bytes, bytes
 *
 * with numbers as varints (protocol/bytes.ts) where nothing else is said.
 */

import { ByteReader, ByteWriter } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import { ORDINAL_MAX, SECRET_SIZE, type Reference } from '../../protocol/reference.ts'
import type { Extra, Version, VersionLabel } from '../../protocol/tree.ts'

const LABELS: readonly VersionLabel[] = ['stable', 'retried', 'copied', 'fuzzy', 'app-consistent']

const DIGEST_SIZE = 32
const DEPTH_MAX = 3
const IS_DELTA = 1
const HAS_DIGEST = 2
const HAS_EXTRA = 4

/** Bytes of the shortest reference: a list cannot hold more of them than this allows. */
const REFERENCE_SIZE_MIN = 3 + SECRET_SIZE + 1

/** As `REFERENCE_SIZE_MIN`, of an extra. */
const EXTRA_SIZE_MIN = 2

export function encodeVersions(versions: readonly Version[]): Uint8Array {
  const writer = new ByteWriter()
  for (const { id, size, digest, label, content, extra } of versions) {
    const isDelta = content.type === 'delta'
    const flags =
      (isDelta ? IS_DELTA : 0) |
      (digest === undefined ? 0 : HAS_DIGEST) |
      (extra.length === 0 ? 0 : HAS_EXTRA)
    writer.varint(id).varint(size).u8(flags).u8(LABELS.indexOf(label))
    if (isDelta) writer.varint(content.base)
    if (digest !== undefined) writer.put(digest)
    const { depth, references } = content.parts
    writer.u8(depth).varint(references.length)
    for (const reference of references) putReference(writer, reference)
    if (extra.length > 0) putExtra(writer, extra)
  }
  return writer.finish()
}

/** @throws {FormatError} */
export function decodeVersions(bytes: Uint8Array): Version[] {
  const reader = new ByteReader(bytes)
  const versions: Version[] = []
  while (reader.remaining > 0) versions.push(readVersion(reader))
  return versions
}

function putReference(writer: ByteWriter, { pack, offset, length, key }: Reference): void {
  writer.varint(pack).varint(offset).varint(length).put(key.secret)
  writer.varint(key.type === 'raw' ? 0 : key.ordinal + 1)
}

function putExtra(writer: ByteWriter, extra: readonly Extra[]): void {
  writer.varint(extra.length)
  for (const { type, bytes } of extra) writer.varint(type).varint(bytes.length).put(bytes)
}

function readVersion(reader: ByteReader): Version {
  const id = reader.varint()
  const size = reader.varint()
  const flags = reader.u8()
  if (flags > (IS_DELTA | HAS_DIGEST | HAS_EXTRA))
    throw new FormatError(`version record: flags ${flags}`)
  const label = LABELS[reader.u8()]
  if (label === undefined) throw new FormatError('version record: no such label')
  const base = (flags & IS_DELTA) === 0 ? undefined : reader.varint()
  const digest = (flags & HAS_DIGEST) === 0 ? undefined : reader.take(DIGEST_SIZE).slice()
  const depth = reader.u8()
  if (depth > DEPTH_MAX) throw new FormatError(`version record: lists of depth ${depth}`)
  const count = reader.varint()
  if (count * REFERENCE_SIZE_MIN > reader.remaining) {
    throw new FormatError(`version record: ${count} references in ${reader.remaining} bytes`)
  }
  const references = Array.from({ length: count }, () => readReference(reader))
  const parts = { depth, references }
  const content: Version['content'] =
    base === undefined ? { type: 'original', parts } : { type: 'delta', base, parts }
  const extra = (flags & HAS_EXTRA) === 0 ? [] : readExtra(reader)
  return { id, size, digest, label, content, extra }
}

function readExtra(reader: ByteReader): Extra[] {
  const count = reader.varint()
  if (count * EXTRA_SIZE_MIN > reader.remaining) {
    throw new FormatError(`version record: ${count} extras in ${reader.remaining} bytes`)
  }
  return Array.from({ length: count }, () => {
    const type = reader.varint()
    return { type, bytes: reader.take(reader.varint()).slice() }
  })
}

function readReference(reader: ByteReader): Reference {
  const [pack, offset, length] = [reader.varint(), reader.varint(), reader.varint()]
  const secret = reader.take(SECRET_SIZE).slice()
  const ordinal = reader.varint() - 1
  if (ordinal > ORDINAL_MAX) throw new FormatError(`version record: ordinal ${ordinal}`)
  const key: Reference['key'] =
    ordinal < 0 ? { type: 'raw', secret } : { type: 'run', secret, ordinal }
  return { pack, offset, length, key }
}
