/**
 * Kernels: the inner loops of the codecs, each twice: in WebAssembly, and plain.
 *
 * Both give the same bytes. Everything uses the fast ones unless told otherwise; tests compare them with
 * their plain twins, which are the ones to read.
 */

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
