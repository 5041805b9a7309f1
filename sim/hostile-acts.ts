/**
 * Hostile acts: what a member of the grid does to a peer when it means harm, one session each.
 *
 * Each is told by the rows of test/oracles/faults.csv. An act may throw what a broken stream throws; whatever
 * it leaves open is the peer's to close.
 */

import { encodeCbor } from '../protocol/cbor.ts'
import { concat, utf8 } from '../protocol/bytes.ts'
import { encodeFrame, PAYLOAD_SIZE_MAX } from '../protocol/frame.ts'
import { vaultIdToBytes } from '../protocol/ids.ts'
import { packIdToBytes } from '../protocol/manifest.ts'
import { encodeRequest, PACKS_MAX, type Request } from '../protocol/messages.ts'
import { encodePack } from '../src/codec/encode-pack.ts'
import type { ByteStream } from '../src/ports/network.ts'
import { bodyFrames, type HostileMember } from './hostile-member.ts'
import type { SimRandom } from './random.ts'

export interface Act {
  readonly member: HostileMember
  readonly random: SimRandom
  /** A new stream to the peer that is attacked. */
  readonly open: (protocol?: string) => Promise<ByteStream>
  readonly sleep: (ms: number) => Promise<void>
}

const SECOND_MS = 1_000

/** Streams opened at once by whoever floods; more than any limit. */
const FLOOD = 200

/** Bytes of a pack of which one piece fits into a hostile quota, and not two. */
const LARGE = 4_400_000

/** By the rows that tell them. */
export const ACTS: Readonly<Record<string, (act: Act) => Promise<void>>> = {
  'W01 empty frame': (act) => shout(act, new Uint8Array(4)),
  'W02 huge frame': (act) => shout(act, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2, 3)),
  'W03 endless varint': (act) => shout(act, new Uint8Array(64).fill(0xff)),
  'W04 truncated': truncated,
  'W05 slow request': (act) => trickle(act, encodeFrame(encodeRequest(act.member.put()))),
  'W05 slow body': slowBody,
  'W05 slow reader': slowReader,
  'W06 streams': streams,
  'W06 half-open': halfOpen,
  'W07 unknown': unknown,
  'W09 out of range': outOfRange,
  'W10 strings': strings,
  'W12 replay': replay,
  'W13 versions': versions,
  'W15 half-closed': halfClosed,
  'W15 reset in a body': resetInBody,
  'noise in frames': noiseInFrames,
  'legal and random': legalAndRandom,
  'S01 wrong piece': wrongPiece,
  'S02 wrong length': wrongLength,
  'S13 odd audits': oddAudits,
  'the same block for ever': sameBlock,
  'H04 jumps and forks': jumpsAndForks,
  'roster flood': rosterFlood,
  'long lists': longLists,
  'releases of nothing': releases,
  'too much': tooMuch,
}

function frame(request: Request): Uint8Array {
  return encodeFrame(encodeRequest(request))
}

async function drain(stream: ByteStream): Promise<void> {
  for await (const _ of stream.source);
}

/** Take what comes and say nothing more, for a while. */
async function hear(stream: ByteStream): Promise<IteratorResult<Uint8Array>> {
  return await stream.source[Symbol.asyncIterator]().next()
}

async function shout(act: Act, bytes: Uint8Array): Promise<void> {
  const stream = await act.open()
  await stream.write(bytes)
  await drain(stream)
}

async function truncated(act: Act): Promise<void> {
  for (let count = act.random.between(4, 12); count > 0; count--) {
    const bytes = frame(act.random.pick(act.member.requests(act.random)))
    const stream = await act.open()
    await stream.write(bytes.subarray(0, act.random.below(bytes.length)))
    const end = act.random.weighted({ end: 2, reset: 2, leave: 1 })
    if (end === 'end') await stream.end()
    if (end === 'reset') stream.reset()
  }
}

/** A byte every 30 s, until the other side has had enough. */
async function trickle({ open, sleep }: Act, bytes: Uint8Array): Promise<void> {
  const stream = await open()
  for (const byte of bytes) {
    await stream.write(Uint8Array.of(byte))
    await sleep(30 * SECOND_MS)
  }
}

async function slowBody(act: Act): Promise<void> {
  const stream = await act.open()
  await stream.write(frame(act.member.put()))
  await hear(stream)
  for (const byte of act.member.piece.subarray(0, 100)) {
    await stream.write(encodeFrame(Uint8Array.of(byte)))
    await act.sleep(30 * SECOND_MS)
  }
}

/** Asks and never reads. */
async function slowReader(act: Act): Promise<void> {
  await act.member.store(act)
  for (let count = act.random.between(4, 20); count > 0; count--) {
    const stream = await act.open()
    for (let ask = 0; ask < 4; ask++) await stream.write(frame(act.member.read(0, 256)))
  }
}

async function streams(act: Act): Promise<void> {
  const opened: ByteStream[] = []
  for (let count = 0; count < FLOOD; count++) opened.push(await act.open())
  for (const stream of opened) {
    stream.write(frame({ type: 'status' })).catch(() => undefined)
  }
  await act.sleep(5 * SECOND_MS)
  if (act.random.chance(0.5)) for (const stream of opened) stream.reset()
}

/** Streams on which nothing is ever said. */
async function halfOpen(act: Act): Promise<void> {
  for (let count = act.random.between(10, 100); count > 0; count--) await act.open()
}

async function unknown(act: Act): Promise<void> {
  const stream = await act.open()
  const messages = [
    { type: 'selfdestruct' },
    { type: 'status', more: 1 },
    { type: 7 },
    { kind: 'status' },
    ['status'],
    null,
  ]
  for (const message of messages) await stream.write(encodeFrame(encodeCbor(message)))
  await stream.end()
  await drain(stream)
}

async function outOfRange(act: Act): Promise<void> {
  const stream = await act.open()
  const pack = packIdToBytes(act.member.pack.id)
  const numbers = [-1, 2 ** 31, 2n ** 53n, 2n ** 64n - 1n, 256, 1.5, Number.NaN]
  for (const number of numbers) {
    for (const field of ['shareNumber', 'first', 'count']) {
      const read = { type: 'read', pack, shareNumber: 0, first: 0, count: 1, [field]: number }
      const bytes = tryEncode(read)
      if (bytes !== undefined) await stream.write(encodeFrame(bytes))
    }
  }
  await stream.end()
  await drain(stream)
}

/** Dag-cbor has no NaN; then the writer refuses where the reader would. */
function tryEncode(value: unknown): Uint8Array | undefined {
  try {
    return encodeCbor(value)
  } catch {
    return undefined
  }
}

async function strings(act: Act): Promise<void> {
  const stream = await act.open()
  const texts = ['\0', '\u001b[2J\u001b]0;owned\u0007', '\u202egnp.exe', 'x'.repeat(1_000_000)]
  for (const text of texts) {
    await stream.write(encodeFrame(encodeCbor({ type: text })))
    await stream.write(encodeFrame(encodeCbor({ type: 'status', [text]: text.slice(0, 10) })))
  }
  await stream.end()
  await drain(stream)
}

/** Bytes of a whole session that was good, again and again. */
async function replay(act: Act): Promise<void> {
  const { member } = act
  const session = concat(
    frame(member.put()),
    ...bodyFrames(member.piece),
    frame({ type: 'publish', head: member.head(1) }),
    frame({ type: 'release', document: member.release() }),
  )
  for (let count = act.random.between(3, 10); count > 0; count--) {
    const stream = await act.open()
    await stream.write(session)
    await stream.end()
    await drain(stream)
  }
}

async function versions(act: Act): Promise<void> {
  for (const protocol of ['/cairn/0', '/cairn/2', '/cairn/versions', '/cairn/versions']) {
    try {
      const stream = await act.open(protocol)
      await stream.write(act.random.bytes(64))
    } catch {
      // Nobody serves it: so it should be.
    }
  }
}

async function halfClosed(act: Act): Promise<void> {
  const [first, second] = [await act.open(), await act.open()]
  await first.write(frame({ type: 'status' }))
  await first.end()
  await drain(first)
  await second.write(frame(act.member.put()))
  await hear(second)
  await second.write(encodeFrame(act.member.piece.subarray(0, 1000)))
  await second.end()
}

async function resetInBody(act: Act): Promise<void> {
  for (let count = act.random.between(2, 8); count > 0; count--) {
    const stream = await act.open()
    await stream.write(frame(act.member.put(act.random.below(3))))
    await hear(stream)
    const cut = act.random.below(act.member.piece.length)
    await stream.write(encodeFrame(act.member.piece).subarray(0, cut))
    stream.reset()
  }
}

async function noiseInFrames(act: Act): Promise<void> {
  const stream = await act.open()
  for (let count = act.random.between(5, 50); count > 0; count--) {
    await stream.write(encodeFrame(act.random.bytes(act.random.between(1, 2000))))
  }
  // A list that says it has 2^32 items, arrays in arrays, and a whole frame of nothing.
  await stream.write(encodeFrame(Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff)))
  await stream.write(encodeFrame(new Uint8Array(5000).fill(0x81)))
  await stream.write(encodeFrame(new Uint8Array(PAYLOAD_SIZE_MAX).fill(0x80)))
  await stream.end()
  await drain(stream)
}

async function legalAndRandom(act: Act): Promise<void> {
  const stream = await act.open()
  for (let count = act.random.between(20, 80); count > 0; count--) {
    const requests = act.member.requests(act.random).filter(({ type }) => type !== 'put')
    await stream.write(frame(act.random.pick(requests)))
  }
  await stream.end()
  await drain(stream)
}

async function wrongPiece(act: Act): Promise<void> {
  const piece = act.member.piece.slice()
  const at = act.random.below(piece.length)
  piece[at] = (piece[at] ?? 0) ^ 1
  const stream = await act.open()
  await stream.write(concat(frame(act.member.put(1)), ...bodyFrames(piece)))
  await stream.end()
  await drain(stream)
}

async function wrongLength(act: Act): Promise<void> {
  const { piece } = act.member
  for (const body of [piece.subarray(0, -1), concat(piece, Uint8Array.of(0))]) {
    const stream = await act.open()
    await stream.write(concat(frame(act.member.put(2)), ...bodyFrames(body)))
    await stream.end()
    await drain(stream)
  }
}

/** Two shares, one after the other, of which the quota has room for one. */
async function tooMuch(act: Act): Promise<void> {
  for (let count = 0; count < 2; count++) {
    const pack = encodePack(act.random.bytes(LARGE), { needed: 2, total: 3, leafSize: 4096 })
    const [piece = new Uint8Array(0)] = pack.pieces
    const put = { ...act.member.put(), manifest: pack.manifestBytes, bodySize: piece.length }
    const stream = await act.open()
    await stream.write(concat(frame(put), ...bodyFrames(piece)))
    await stream.end()
    await drain(stream)
  }
}

async function oddAudits(act: Act): Promise<void> {
  const stream = await act.open()
  for (const first of [0, 1, 1000, 16_383]) {
    for (const shareNumber of [0, 1, 255]) {
      await stream.write(frame({ ...act.member.read(first, 1), shareNumber }))
    }
  }
  await stream.end()
  await drain(stream)
}

/** As much of the peer's line as can be had, with what it keeps for us. */
async function sameBlock(act: Act): Promise<void> {
  await act.member.store(act)
  const isOver = new AbortController()
  const read = async (): Promise<void> => {
    const stream = await act.open()
    drain(stream).catch(() => undefined)
    while (!isOver.signal.aborted) {
      await stream.write(frame(act.member.read(0, 256)))
      await act.sleep(200)
    }
    stream.reset()
  }
  const all = Array.from({ length: 16 }, read).map((one) => one.catch(() => undefined))
  await act.sleep(act.random.between(10, 60) * SECOND_MS)
  isOver.abort()
  await Promise.all(all)
}

async function jumpsAndForks(act: Act): Promise<void> {
  const stream = await act.open()
  const { member, random } = act
  const sequences = [1, 1, 2, 1001, 1002, 2003, 5000, 2 ** 32, 2 ** 43 - 1, 1]
  for (const sequence of sequences) {
    const head = member.head(sequence, random.u32())
    if (random.chance(0.3)) head[random.below(head.length)]! ^= 1
    await stream.write(frame({ type: 'publish', head }))
  }
  await stream.write(frame({ type: 'heads', vault: vaultIdToBytes(member.vault), all: true }))
  await stream.end()
  await drain(stream)
}

async function rosterFlood(act: Act): Promise<void> {
  const stream = await act.open()
  for (let count = act.random.between(1, 4); count > 0; count--) {
    const type = act.random.chance(0.5) ? 'roster' : 'news'
    await stream.write(frame({ type, statements: act.member.strangers(act.random, 200) }))
  }
  await stream.end()
  await drain(stream)
}

async function longLists(act: Act): Promise<void> {
  const stream = await act.open()
  const packs = Array.from({ length: PACKS_MAX }, () => act.random.bytes(36))
  const own = packIdToBytes(act.member.pack.id)
  for (const pack of packs) pack.set(own.subarray(0, 4))
  for (let count = 0; count < 20; count++) {
    await stream.write(frame({ type: 'have', packs, manifests: true }))
  }
  await stream.end()
  await drain(stream)
}

async function releases(act: Act): Promise<void> {
  const stream = await act.open()
  const { member } = act
  const vault = vaultIdToBytes(member.vault)
  await stream.write(frame({ type: 'release', document: member.release() }))
  await stream.write(frame({ type: 'release', document: utf8('no release') }))
  await stream.write(
    frame({ type: 'adopt', vault, packs: [packIdToBytes(member.pack.id)], head: 2 ** 43 - 1 }),
  )
  await stream.end()
  await drain(stream)
}
