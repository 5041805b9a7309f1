/** Vectors of frames: docs/formats/frame.md. The bytes are a whole stream; its payloads come out. */

import { concat, fromHex, utf8 } from '../../protocol/bytes.ts'
import { decodeFrames, encodeFrame } from '../../protocol/frame.ts'

import { sample } from './format.ts'
import type { Scenario } from './format.ts'

export async function decode(bytes: Uint8Array): Promise<unknown> {
  return await Array.fromAsync(decodeFrames(inParts(bytes)))
}

const hello = encodeFrame(utf8('hello'))

export const scenarios: Scenario[] = [
  { name: 'none', expect: 'success', comment: 'an empty stream', bytes: new Uint8Array(0) },
  { name: 'one', expect: 'success', comment: 'one frame', bytes: hello },
  {
    name: 'three',
    expect: 'success',
    comment: 'frames one after another',
    bytes: concat(hello, encodeFrame(sample(1)), encodeFrame(sample(300))),
  },
  bad('length-0', 'FormatError', 'W01: an empty frame', concat(hello, new Uint8Array(4))),
  bad('length-at-limit-cut', 'FrameTruncatedError', '1,114,112 is allowed, but does not come', fromHex('00110000ff')),
  bad('length-above-limit', 'FrameTooLongError', '1,114,113 bytes', fromHex('00110001')),
  bad('length-2-to-31', 'FrameTooLongError', 'W02: a sign bit', fromHex('80000000')),
  bad('length-2-to-32-less-1', 'FrameTooLongError', 'W02: the largest length', fromHex('ffffffff')),
  bad('varint-that-never-ends', 'FrameTooLongError', 'W03: eleven bytes of 0xff', new Uint8Array(11).fill(0xff)),
  bad('cut-in-length', 'FrameTruncatedError', 'W04: three bytes of a length', hello.subarray(0, 3)),
  bad('cut-after-length', 'FrameTruncatedError', 'W04: no payload', hello.subarray(0, 4)),
  bad('cut-in-payload', 'FrameTruncatedError', 'W04: four of five bytes', hello.subarray(0, 8)),
  bad('cut-in-second', 'FrameTruncatedError', 'W04: after a whole frame', concat(hello, hello.subarray(0, 1))),
]

function bad(name: string, expect: string, comment: string, bytes: Uint8Array): Scenario {
  return { name, expect, comment, bytes }
}

async function* inParts(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 3) yield bytes.subarray(start, start + 3)
}
