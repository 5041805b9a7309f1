/**
 * Kernels: the inner loops of the codecs, each twice: here in WebAssembly, and plain in `plain/`.
 *
 * Both give the same bytes. Codecs use the fast ones unless told otherwise; tests compare them with their
 * plain twins, which are the ones to read. The sources of the fast ones are in `assembly/`.
 */

import type { Signature } from '../rdiff-signature.ts'

/**
 * Sums of inputs times constant factors, over GF(2⁸).
 *
 * @param rows - for each output one factor per input
 * @param inputs - arrays of `size` bytes
 * @returns one new array of `size` bytes per row, with a buffer of its own
 */
export type Combine = (
  rows: readonly Uint8Array[],
  inputs: readonly Uint8Array[],
  size: number,
) => Uint8Array[]

/**
 * The sums of a file's blocks.
 *
 * @param bytes - blocks one behind the other; only the file's last one may be shorter
 * @returns for each block its weak sum, 4 bytes in big-endian, and the first `strongSize` bytes of its strong sum
 */
export type SumBlocks = (
  bytes: Uint8Array,
  sizes: { readonly blockSize: number; readonly strongSize: number },
) => Uint8Array

/** Longest literal, as in librsync: with the 3 bytes of its head it fills 64 KiB. */
export const LITERAL_MAX = 65_533

/** Finds the blocks of an old file in the bytes of a new one, as they pass by. */
export interface BlockScanner {
  /** Bytes since the last copy that no block matched and that the sink has not been given. */
  readonly literalSize: number
  push(bytes: Uint8Array, sink: ScanSink): void
  close(sink: ScanSink): void
}

/** Takes what a scanner found, in the order of the new file. */
export interface ScanSink {
  /** @param bytes - 1 to LITERAL_MAX bytes in no old block; a view, good during the call only */
  literal(bytes: Uint8Array): void
  /** The next `length` bytes are those of the old file from `start` on. */
  copy(start: number, length: number): void
}

/** Of several equal blocks the one is found that continues the copy before, or else the first. */
export type OpenScanner = (signature: Signature) => BlockScanner

/** Rolls a gear hash along a file: hash' = 2 · hash + gear[byte] modulo 2³². */
export interface CutFinder {
  /** The hash is 0 again, as where a chunk begins. */
  restart(): void
  /**
   * Roll over `bytes` from `from` up to `end`, and look for a cut from `first` on.
   *
   * @returns the index behind the first byte after which the hash is below the threshold, as unsigned
   */
  find(bytes: Uint8Array, from: number, first: number, end: number): number | undefined
}

/** @param gear - 256 words; not changed from now on */
export type OpenCutFinder = (gear: Uint32Array, threshold: number) => CutFinder
