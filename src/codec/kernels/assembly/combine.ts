/**
 * Sums of products over GF(2⁸), sixteen bytes at a time: the inner loop of erasure coding.
 *
 * A byte is two half bytes, and a product is the sum of the products of the halves: so 16 + 16 table
 * entries hold all products with one factor, and a shuffle looks up sixteen at once. Up to four outputs
 * are made in one pass over the inputs, so that an input is loaded and split once for all four.
 *
 * Built twice, with and without relaxed SIMD: a relaxed shuffle leaves out what is done about indices
 * above 15, and there are none here.
 *
 * Memory is laid out by the caller:
 * - tables: for each input 32 bytes for each output of the group: products of 0 … 15, of 16 · (0 … 15)
 * - inputs: `count` arrays, one each `stride` bytes
 * - outputs: as many as the function's name says, one each `stride` bytes
 *
 * `size` is a multiple of 32, as is `stride`.
 */

// @ts-ignore: decorator
@inline
function look(table: v128, index: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, index)
  return i8x16.swizzle(table, index)
}

// @ts-ignore: decorator
@inline
function product(tables: usize, low: v128, high: v128): v128 {
  return v128.xor(look(v128.load(tables), low), look(v128.load(tables, 16), high))
}

// @ts-ignore: decorator
@inline
function upperHalves(bytes: v128, mask: v128): v128 {
  return v128.and(i16x8.shr_u(bytes, 4), mask)
}

export function combine1(tables: usize, inputs: usize, count: i32, outputs: usize, stride: usize, size: usize): void {
  const mask = i8x16.splat(15)
  for (let at: usize = 0; at < size; at += 32) {
    let table = tables
    let input = inputs + at
    let x = v128.load(input), xx = v128.load(input, 16)
    let low = v128.and(x, mask), high = upperHalves(x, mask)
    let low2 = v128.and(xx, mask), high2 = upperHalves(xx, mask)
    let a = product(table, low, high), aa = product(table, low2, high2)
    for (let left = count - 1; left > 0; left--) {
      table += 32
      input += stride
      x = v128.load(input)
      xx = v128.load(input, 16)
      low = v128.and(x, mask)
      high = upperHalves(x, mask)
      low2 = v128.and(xx, mask)
      high2 = upperHalves(xx, mask)
      a = v128.xor(a, product(table, low, high))
      aa = v128.xor(aa, product(table, low2, high2))
    }
    let output = outputs + at
    v128.store(output, a)
    v128.store(output, aa, 16)
  }
}

export function combine2(tables: usize, inputs: usize, count: i32, outputs: usize, stride: usize, size: usize): void {
  const mask = i8x16.splat(15)
  for (let at: usize = 0; at < size; at += 32) {
    let table = tables
    let input = inputs + at
    let x = v128.load(input), xx = v128.load(input, 16)
    let low = v128.and(x, mask), high = upperHalves(x, mask)
    let low2 = v128.and(xx, mask), high2 = upperHalves(xx, mask)
    let a = product(table, low, high), aa = product(table, low2, high2)
    let b = product(table + 32, low, high), bb = product(table + 32, low2, high2)
    for (let left = count - 1; left > 0; left--) {
      table += 64
      input += stride
      x = v128.load(input)
      xx = v128.load(input, 16)
      low = v128.and(x, mask)
      high = upperHalves(x, mask)
      low2 = v128.and(xx, mask)
      high2 = upperHalves(xx, mask)
      a = v128.xor(a, product(table, low, high))
      aa = v128.xor(aa, product(table, low2, high2))
      b = v128.xor(b, product(table + 32, low, high))
      bb = v128.xor(bb, product(table + 32, low2, high2))
    }
    let output = outputs + at
    v128.store(output, a)
    v128.store(output, aa, 16)
    output += stride
    v128.store(output, b)
    v128.store(output, bb, 16)
  }
}

export function combine3(tables: usize, inputs: usize, count: i32, outputs: usize, stride: usize, size: usize): void {
  const mask = i8x16.splat(15)
  for (let at: usize = 0; at < size; at += 32) {
    let table = tables
    let input = inputs + at
    let x = v128.load(input), xx = v128.load(input, 16)
    let low = v128.and(x, mask), high = upperHalves(x, mask)
    let low2 = v128.and(xx, mask), high2 = upperHalves(xx, mask)
    let a = product(table, low, high), aa = product(table, low2, high2)
    let b = product(table + 32, low, high), bb = product(table + 32, low2, high2)
    let c = product(table + 64, low, high), cc = product(table + 64, low2, high2)
    for (let left = count - 1; left > 0; left--) {
      table += 96
      input += stride
      x = v128.load(input)
      xx = v128.load(input, 16)
      low = v128.and(x, mask)
      high = upperHalves(x, mask)
      low2 = v128.and(xx, mask)
      high2 = upperHalves(xx, mask)
      a = v128.xor(a, product(table, low, high))
      aa = v128.xor(aa, product(table, low2, high2))
      b = v128.xor(b, product(table + 32, low, high))
      bb = v128.xor(bb, product(table + 32, low2, high2))
      c = v128.xor(c, product(table + 64, low, high))
      cc = v128.xor(cc, product(table + 64, low2, high2))
    }
    let output = outputs + at
    v128.store(output, a)
    v128.store(output, aa, 16)
    output += stride
    v128.store(output, b)
    v128.store(output, bb, 16)
    output += stride
    v128.store(output, c)
    v128.store(output, cc, 16)
  }
}

export function combine4(tables: usize, inputs: usize, count: i32, outputs: usize, stride: usize, size: usize): void {
  const mask = i8x16.splat(15)
  for (let at: usize = 0; at < size; at += 32) {
    let table = tables
    let input = inputs + at
    let x = v128.load(input), xx = v128.load(input, 16)
    let low = v128.and(x, mask), high = upperHalves(x, mask)
    let low2 = v128.and(xx, mask), high2 = upperHalves(xx, mask)
    let a = product(table, low, high), aa = product(table, low2, high2)
    let b = product(table + 32, low, high), bb = product(table + 32, low2, high2)
    let c = product(table + 64, low, high), cc = product(table + 64, low2, high2)
    let d = product(table + 96, low, high), dd = product(table + 96, low2, high2)
    for (let left = count - 1; left > 0; left--) {
      table += 128
      input += stride
      x = v128.load(input)
      xx = v128.load(input, 16)
      low = v128.and(x, mask)
      high = upperHalves(x, mask)
      low2 = v128.and(xx, mask)
      high2 = upperHalves(xx, mask)
      a = v128.xor(a, product(table, low, high))
      aa = v128.xor(aa, product(table, low2, high2))
      b = v128.xor(b, product(table + 32, low, high))
      bb = v128.xor(bb, product(table + 32, low2, high2))
      c = v128.xor(c, product(table + 64, low, high))
      cc = v128.xor(cc, product(table + 64, low2, high2))
      d = v128.xor(d, product(table + 96, low, high))
      dd = v128.xor(dd, product(table + 96, low2, high2))
    }
    let output = outputs + at
    v128.store(output, a)
    v128.store(output, aa, 16)
    output += stride
    v128.store(output, b)
    v128.store(output, bb, 16)
    output += stride
    v128.store(output, c)
    v128.store(output, cc, 16)
    output += stride
    v128.store(output, d)
    v128.store(output, dd, 16)
  }
}
