/**
 * Malloc: buffers come from the heaps and stay there for the next one; only the largest are mapped.
 *
 * By itself glibc raises its threshold for mapping memory directly to the largest buffer freed so far,
 * and gives the end of a heap back whenever it is free. So buffers of some MiB are either mapped anew each
 * time, at 0.4 ms of page faults a MiB, or packs and shares pile up in heaps. Here the thresholds are
 * fixed: what comes and goes by the hundred is at hand, and packs go back to the system as soon as they
 * are released. See docs/adr/0003-memory.md.
 */

/** Parameters of glibc's malloc.h. */
const M_TRIM_THRESHOLD = -1
const M_MMAP_THRESHOLD = -3

/** Buffers from this size on are mapped, bytes: whole packs, and nothing that is smaller. */
const MAPPED_FROM = 4_608 * 1024

/** So much free memory at the end of a heap stays for the next buffers, bytes. */
const KEPT_FREE = 32 * 1024 * 1024

/** @returns whether this system's malloc took the wish; it is a wish only, so failing is no error */
export function tuneMalloc(): boolean {
  if (process.platform !== 'linux') return false
  try {
    const ffi = process.getBuiltinModule('node:ffi')
    const { functions } = ffi.dlopen(null, {
      mallopt: { arguments: ['i32', 'i32'], return: 'i32' },
    })
    const set = (parameter: number, value: number) => functions.mallopt(parameter, value) === 1
    return set(M_MMAP_THRESHOLD, MAPPED_FROM) && set(M_TRIM_THRESHOLD, KEPT_FREE)
  } catch {
    return false
  }
}
