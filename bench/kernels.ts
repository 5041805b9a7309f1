/**
 * Kernels: the inner loops by themselves, beside the programs whose formats they share.
 *
 * A rate is MB (10⁶ bytes) of source per second of CPU, user and system, of the whole process, garbage
 * collector included; the median of several rounds. Bytes that rdiff reads from a file, ours reads from
 * the same file.
 */

import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { release } from '../src/base/release.ts'
import { Chunker, gearTable } from '../src/codec/chunker.ts'
import { decodePieces, encodePieces, type Code } from '../src/codec/erasure.ts'
import { DeltaMaker, parseSignature, SignatureMaker, type Signature } from '../src/codec/rdiff.ts'
import { rawKey, seal } from '../src/codec/seal.ts'
import { BenchError } from './bench-error.ts'
import { median } from './measure/median.ts'
import { runMeasured } from './measure/run-measured.ts'
import { Random } from './random.ts'
import type { KernelResult } from './results.ts'
import { versionOf } from './tools/tool.ts'
import { overwrite, writeLarge } from './workloads/large-file.ts'
import { zfecRates } from './zfec.ts'

const MB = 1e6
const SHARD_SIZE = 1 << 20
const FILE_SIZE = 256 << 20
const BLOCK_SIZE = 16 * 1024
/** Places of the file that are overwritten for the delta: one in a MiB. */
const EDITS = 256
const READ_SIZE = 1 << 20
const ROUNDS = 5
const ROUND_CPU_SECONDS = 0.3

const CODES: readonly Code[] = [
  { needed: 3, total: 10 },
  { needed: 4, total: 7 },
  { needed: 10, total: 16 },
]

export async function measureKernels(
  seed: number,
  say: (line: string) => void,
): Promise<KernelResult[]> {
  say('kernels: erasure coding')
  const erasure = CODES.flatMap((code) => erasureKernels(code, seed))
  say('kernels: chunking and sealing')
  const others = [chunking(seed), sealing(seed)]
  say('kernels: signatures and deltas')
  return [...erasure, ...(await deltaKernels(seed)), ...others]
}

function erasureKernels(code: Code, seed: number): KernelResult[] {
  const { needed, total } = code
  const pack = new Random(seed, 'pack').bytes(needed * SHARD_SIZE)
  const theirs = zfecRates(code, SHARD_SIZE)
  const encode = rateOf(pack.length, () => encodePieces(pack, code).forEach(release))
  const pieces = encodePieces(pack, code)
  // Worst case: as many data pieces as can be are lost.
  const lost = Math.min(needed, total - needed)
  const left = pieces.map((bytes, index) => ({ index, bytes })).slice(lost, lost + needed)
  const decode = rateOf(pack.length, () => {
    decodePieces(left, code).slice(0, lost).forEach(release)
  })
  const name = `${needed}-of-${total}`
  return [
    { kernel: `encode ${name}`, rate: encode, ...beside('zfec', theirs?.encode) },
    { kernel: `decode ${name}`, rate: decode, ...beside('zfec', theirs?.decode) },
  ]
}

function chunking(seed: number): KernelResult {
  const gear = gearTable(new Random(seed, 'cut key').bytes(32))
  const bytes = new Random(seed, 'chunks').bytes(64 << 20)
  const rate = rateOf(bytes.length, () => {
    const chunker = new Chunker(gear)
    for (let at = 0; at < bytes.length; at += READ_SIZE) {
      chunker.push(bytes.subarray(at, at + READ_SIZE)).forEach(release)
    }
    chunker.close().forEach(release)
    if (bytes.length === 0) throw new BenchError('the chunker gave away what it was lent')
  })
  return { kernel: 'chunking', rate }
}

function sealing(seed: number): KernelResult {
  const random = new Random(seed, 'sealing')
  const plain = random.bytes(1 << 20)
  const key = rawKey(random.bytes(32), random.bytes(32))
  const [cipherKey, nonce] = [random.bytes(32), random.bytes(12)]
  const ours = rateOf(plain.length, () => release(seal(plain, key)))
  const nobles = rateOf(plain.length, () =>
    release(chacha20poly1305(cipherKey, nonce).encrypt(plain)),
  )
  return { kernel: 'sealing', rate: ours, ...beside('@noble/ciphers', nobles) }
}

async function deltaKernels(seed: number): Promise<KernelResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-bench-kernels-'))
  const [old, edited, other] = ['old', 'edited', 'other'].map((name) => join(folder, name))
  try {
    writeNoise(old!, seed, 'old')
    writeNoise(edited!, seed, 'old')
    edit(edited!, seed)
    writeNoise(other!, seed, 'other')
    const theirs = await rdiffRates(folder, { old: old!, edited: edited!, other: other! })
    const signature = parseSignature(signatureOf(old!))
    return [
      {
        kernel: 'signature',
        rate: rateOf(FILE_SIZE, () => signatureOf(old!)),
        ...beside('rdiff', theirs?.signature),
      },
      {
        kernel: 'delta',
        rate: rateOf(FILE_SIZE, () => deltaOf(edited!, signature)),
        ...beside('rdiff', theirs?.delta),
      },
      {
        kernel: 'delta without a match',
        rate: rateOf(FILE_SIZE, () => deltaOf(other!, signature)),
        ...beside('rdiff', theirs?.noMatch),
      },
    ]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function signatureOf(path: string): Uint8Array {
  const maker = new SignatureMaker({ blockSize: BLOCK_SIZE })
  const parts: Uint8Array[] = []
  eachRead(path, (bytes) => void parts.push(...maker.push(bytes)))
  return Buffer.concat([...parts, ...maker.close()])
}

function deltaOf(path: string, signature: Signature): void {
  const maker = new DeltaMaker(signature)
  eachRead(path, (bytes) => maker.push(bytes).forEach(release))
  maker.close()
}

function eachRead(path: string, use: (bytes: Uint8Array) => void): void {
  const file = openSync(path, 'r')
  const buffer = Buffer.allocUnsafeSlow(READ_SIZE)
  try {
    for (let got = readSync(file, buffer); got > 0; got = readSync(file, buffer)) {
      use(buffer.subarray(0, got))
    }
  } finally {
    closeSync(file)
  }
}

async function rdiffRates(
  folder: string,
  { old, edited, other }: { old: string; edited: string; other: string },
) {
  if (versionOf('rdiff', '--version') === undefined) return undefined
  const signature = join(folder, 'signature')
  writeFileSync(signature, '')
  const rate = async (...args: string[]): Promise<number> => {
    const rates: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const { usage } = await runMeasured({ program: 'rdiff', args: ['--force', ...args] })
      rates.push(FILE_SIZE / MB / usage.cpuSeconds)
    }
    return median(rates)
  }
  return {
    signature: await rate('-b', String(BLOCK_SIZE), 'signature', old, signature),
    delta: await rate('delta', signature, edited, join(folder, 'delta')),
    noMatch: await rate('delta', signature, other, join(folder, 'delta')),
  }
}

function writeNoise(path: string, seed: number, label: string): void {
  const random = new Random(seed, label)
  writeLarge(path, FILE_SIZE, (length) => random.bytes(length))
}

function edit(path: string, seed: number): void {
  const random = new Random(seed, 'edits')
  const offsets = random.distinct(EDITS, FILE_SIZE - 100)
  overwrite(
    path,
    offsets.map((offset) => ({ offset, bytes: random.bytes(100) })),
  )
}

/** @returns MB per CPU-second, the median of the rounds after one to warm up */
function rateOf(bytes: number, run: () => unknown): number {
  const rates: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const before = process.cpuUsage()
    let cpuSeconds = 0
    let count = 0
    while (cpuSeconds < ROUND_CPU_SECONDS) {
      run()
      count++
      const { user, system } = process.cpuUsage(before)
      cpuSeconds = (user + system) / 1e6
    }
    if (round > 0) rates.push((count * bytes) / MB / cpuSeconds)
  }
  return median(rates)
}

function beside(name: string, rate: number | undefined) {
  return rate === undefined ? {} : { peer: { name, rate } }
}
