/**
 * The slow twin of src/codec/erasure.ts: zfec's matrices, one byte at a time.
 *
 * The parity rows come from a Vandermonde matrix made systematic, and decoding inverts the rows that
 * are left; products are long multiplication of polynomials.
 */

type Matrix = readonly (readonly number[])[]

/** Polynomials over GF(2), multiplied bit by bit, modulo x⁸ + x⁴ + x³ + x² + 1. */
export function slowMultiply(a: number, b: number): number {
  let product = 0
  for (let bit = 0; bit < 8; bit++) if ((b >> bit) & 1) product ^= a << bit
  for (let bit = 15; bit >= 8; bit--) if ((product >> bit) & 1) product ^= 0x11d << (bit - 8)
  return product
}

export function slowEncode(pack: Uint8Array, needed: number, total: number): Uint8Array[] {
  const size = Math.ceil(pack.length / needed)
  const data = Array.from({ length: needed }, (_, row) =>
    Array.from({ length: size }, (_none, at) => pack[row * size + at] ?? 0),
  )
  return multiplyMatrices(encodingMatrix(needed, total), data).map((row) => Uint8Array.from(row))
}

export function slowDecode(
  pieces: readonly { index: number; bytes: Uint8Array }[],
  needed: number,
  total: number,
): Uint8Array[] {
  const rows = pieces.slice(0, needed)
  const encoding = encodingMatrix(needed, total)
  const inverse = invert(rows.map(({ index }) => encoding[index]!))
  const data = multiplyMatrices(
    inverse,
    rows.map(({ bytes }) => [...bytes]),
  )
  return data.map((row) => Uint8Array.from(row))
}

/** n rows of k: the identity, then parity. */
function encodingMatrix(needed: number, total: number): Matrix {
  const points = [0, 1]
  while (points.length < total) points.push(slowMultiply(points.at(-1)!, 2))
  const vandermonde = points
    .slice(0, total)
    .map((point) => Array.from({ length: needed }, (_, exponent) => power(point, exponent)))
  return multiplyMatrices(vandermonde, invert(vandermonde.slice(0, needed)))
}

function power(base: number, exponent: number): number {
  let result = 1
  for (let step = 0; step < exponent; step++) result = slowMultiply(result, base)
  return result
}

function multiplyMatrices(a: Matrix, b: Matrix): Matrix {
  return a.map((row) =>
    Array.from({ length: b[0]!.length }, (_, column) =>
      row.reduce((sum, factor, at) => sum ^ slowMultiply(factor, b[at]![column]!), 0),
    ),
  )
}

/** Gauss and Jordan, with the identity carried along on the right. */
function invert(matrix: Matrix): Matrix {
  const size = matrix.length
  const rows = matrix.map((row, at) => [
    ...row,
    ...Array.from({ length: size }, (_, column) => (column === at ? 1 : 0)),
  ])
  for (let column = 0; column < size; column++) {
    const pivot = rows.findIndex((row, at) => at >= column && row[column] !== 0)
    ;[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!]
    const inverse = power(rows[column]![column]!, 254)
    rows[column] = rows[column]!.map((value) => slowMultiply(value, inverse))
    for (const [at, row] of rows.entries()) {
      const factor = at === column ? 0 : row[column]!
      rows[at] = row.map((value, index) => value ^ slowMultiply(factor, rows[column]![index]!))
    }
  }
  return rows.map((row) => row.slice(size))
}
