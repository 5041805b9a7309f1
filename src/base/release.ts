/**
 * Release: memory of large buffers, given back at once.
 *
 * What JavaScript drops is freed when the garbage collector gets to it, and for buffers outside its
 * heap that takes long, then costs a walk over all the heap. Who knows that a large buffer is done with
 * says so here. See docs/adr/0021-buffers-released.md.
 */

/** Smaller buffers are not worth the call, and may be parts of a pool. */
const SIZE_MIN = 64 * 1024

/**
 * Free the memory below this array, which reads as empty from now on, as does every view of it.
 *
 * Does nothing for an array that is a part of a larger buffer, for small ones, and for shared memory.
 */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (buffer.byteLength < SIZE_MIN || buffer.byteLength !== bytes.length) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
