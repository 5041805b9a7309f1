/** Values of the tree for vectors, always the same. */

import { ByteReader, ByteWriter } from '../../protocol/bytes.ts'
import type { Reference } from '../../protocol/reference.ts'
import type { Attributes, Entry, Span, Version } from '../../protocol/tree.ts'
import { withBlock } from '../support/columns.ts'

import { sample } from './format.ts'
import type { Scenario } from './format.ts'

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

/** An object with a key of its own. */
export function place(index: number, length = 1_054): Reference {
  return { pack: 4, offset: 2_000 * index, length, key: { type: 'raw', secret: sample(32, index) } }
}

/** An object of run 9, right behind the one before. */
export function placeInRun(ordinal: number, size = 1_000): Reference {
  const key = { type: 'run' as const, secret: sample(32, 99), ordinal }
  return { pack: 5, offset: ordinal * (size + 54), length: size + 54, key }
}

export function version(id: number, change: Partial<Version> = {}): Version {
  return {
    id,
    size: 1_000,
    digest: undefined,
    label: 'stable',
    content: { type: 'original', parts: { depth: 0, references: [placeInRun(id % 256)] } },
    extra: [],
    ...change,
  }
}

export const ATTRIBUTES: Attributes = {
  mode: 0o644,
  uid: 1000,
  gid: 100,
  userName: 'anna',
  groupName: 'users',
  mtime: { seconds: 1_700_000_000, nanoseconds: 123_456_789 },
  ctime: { seconds: 1_700_000_060, nanoseconds: 1 },
  inode: 9_007_199_254_740_993n,
  size: 1_000,
  extra: [],
}

export function span(from: number, until: number | undefined, what: Span['what']): Span {
  return { from, until, attributes: ATTRIBUTES, what }
}

export function file(name: string, sequence: number, until?: number): Entry {
  const versions = [version(sequence * 1024)]
  return {
    name: text(name),
    spans: [span(sequence, until, { kind: 'file', version: sequence * 1024 })],
    history: { type: 'inline', versions },
  }
}

/** What is wrong with any columnar body in the same way. */
export function columnarFaults(body: Uint8Array): Scenario[] {
  const with0 = (byte: number): Uint8Array => body.map((old, at) => (at === 0 ? byte : old))
  const with1 = (byte: number): Uint8Array => body.map((old, at) => (at === 1 ? byte : old))
  const section = (type: number): Uint8Array =>
    new ByteWriter().put(body).varint(type).varint(2).put(Uint8Array.of(1, 2)).finish()
  return [
    scenario('VersionError', 'version-2', 'a later version', with0(2)),
    scenario('VersionError', 'shape-overlay', 'shape 1 is kept for overlays', with1(1)),
    scenario('VersionError', 'section-critical', 'a section that may not be ignored', section(127)),
    scenario('success', 'section-optional', 'a section that is kept unread', section(128)),
    scenario('FormatError', 'block-above-limit', 'says 4 MiB and a byte', declared(2 ** 22 + 1)),
    scenario('FormatError', 'block-short', 'says 4 MiB and has 40 bytes', declared(2 ** 22)),
    scenario('FormatError', 'truncated', 'the last byte is missing', body.slice(0, -1)),
    scenario('FormatError', 'empty', 'no bytes', new Uint8Array(0)),
    scenario(
      'VersionError',
      'column-28',
      'one column more than this version knows',
      withBlock(body, manyColumns),
    ),
    scenario(
      'FormatError',
      'column-left-over',
      'a column holds a byte more than is read',
      withBlock(body, longerColumn),
    ),
  ]
}

export function scenario(
  expect: string,
  name: string,
  comment: string,
  bytes: Uint8Array,
): Scenario {
  return { name, expect, comment, bytes }
}

/** A block that says how large it is and then is not. */
function declared(size: number): Uint8Array {
  return new ByteWriter().u8(1).u8(0).varint(size).varint(0).put(sample(40)).finish()
}

/** 29 columns of one byte. */
function manyColumns(): Uint8Array {
  const block = new ByteWriter().varint(29)
  for (let index = 0; index < 2 * 29; index++) block.u8(1)
  return block.finish()
}

/** The last column gets a byte more. */
function longerColumn(block: Uint8Array): Uint8Array {
  const reader = new ByteReader(block)
  const count = reader.varint()
  const sizes = Array.from({ length: count }, () => reader.varint())
  const writer = new ByteWriter().varint(count)
  for (const [index, size] of sizes.entries()) writer.varint(index === count - 1 ? size + 1 : size)
  return writer.put(reader.take(reader.remaining)).u8(0).finish()
}
