/**
 * Malloc: large buffers go back to the system as soon as they are freed.
 *
 * glibc raises its threshold for mapping memory directly to the largest buffer freed so far, up to 32
 * MiB. From then on packs, shares and chunks come from heaps that are never given back, which costs
 * some 90 MB of a backup's peak memory (docs/adr/0003-memory.md). A threshold set by hand stays.
 */

/** `M_MMAP_THRESHOLD` of glibc's malloc.h. */
const M_MMAP_THRESHOLD = -3

/** Buffers from this size on are mapped, bytes: a message to a peer is the smallest that matters. */
const THRESHOLD = 256 * 1024

/** @returns whether this system's malloc took the wish; it is a wish only, so failing is no error */
export function returnMemoryEarly(): boolean {
  if (process.platform !== 'linux') return false
  try {
    const ffi = process.getBuiltinModule('node:ffi')
    const { functions } = ffi.dlopen(null, {
      mallopt: { arguments: ['i32', 'i32'], return: 'i32' },
    })
    return functions.mallopt(M_MMAP_THRESHOLD, THRESHOLD) === 1
  } catch {
    return false
  }
}
