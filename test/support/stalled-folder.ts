/** A folder whose file system never answers: FUSE without anybody who serves it. It takes root. */

import { closeSync, openSync } from 'node:fs'
import process from 'node:process'

const DETACH = 2

/** @returns how to end it; undefined where this machine does not let us */
export function stallFolder(path: string): (() => void) | undefined {
  return mountFuse(path, 'r+')?.end
}

/**
 * @param flags - of the file through which it is served
 * @returns that file, and how to end it; undefined where this machine does not let us
 */
export function mountFuse(
  path: string,
  flags: string | number,
): { readonly fuse: number; readonly end: () => void } | undefined {
  let file: number | undefined
  try {
    const ffi = process.getBuiltinModule('node:ffi')
    const { functions } = ffi.dlopen(null, {
      mount: { arguments: ['pointer', 'pointer', 'pointer', 'u64', 'pointer'], return: 'i32' },
      umount2: { arguments: ['pointer', 'i32'], return: 'i32' },
    })
    const fuse = (file = openSync('/dev/fuse', flags))
    const options = `fd=${fuse},rootmode=40000,user_id=0,group_id=0`
    const [source, target, type, data] = ['stalled', path, 'fuse', options].map((text) =>
      Buffer.from(`${text}\0`),
    )
    if (functions.mount(source!, target!, type!, 0n, data!) !== 0) throw new Error('not allowed')
    const end = () => {
      // Whoever waits is told that nobody is there any more.
      closeSync(fuse)
      functions.umount2(target!, DETACH)
    }
    return { fuse, end }
  } catch {
    if (file !== undefined) closeSync(file)
    return undefined
  }
}
