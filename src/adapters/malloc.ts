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

/**
 * For a restore, which holds few packs at a time: buffers up to this size come from the heaps, bytes.
 *
 * They come and go by the hundred, and to map each anew costs 0.4 ms of page faults for every MiB, more
 * than to hash or decrypt it: 256 MiB took 0.83 s of system time, now 0.42, and 10 MB more of memory.
 */
const THRESHOLD_OF_RESTORE = 4 * 1024 * 1024

/** @returns whether this system's malloc took the wish; it is a wish only, so failing is no error */
export function returnMemoryEarly(): boolean {
  return mapFrom(THRESHOLD)
}

/** Instead of {@link returnMemoryEarly}, once a restore begins. @returns as that does */
export function returnMemoryLate(): boolean {
  return mapFrom(THRESHOLD_OF_RESTORE)
}

function mapFrom(size: number): boolean {
  if (process.platform !== 'linux') return false
  try {
    const ffi = process.getBuiltinModule('node:ffi')
    const { functions } = ffi.dlopen(null, {
      mallopt: { arguments: ['i32', 'i32'], return: 'i32' },
    })
    return functions.mallopt(M_MMAP_THRESHOLD, size) === 1
  } catch {
    return false
  }
}
