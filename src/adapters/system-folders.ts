/**
 * System folders: where the system shows itself as if it were files. There is nothing to back up in them, and
 * much to hang on: sizes that are not true, reads that never end, a device for each disk.
 */

import { statfsSync } from 'node:fs'

/**
 * File systems that only the kernel fills: linux/magic.h, and what each of them is mounted for.
 *
 * tmpfs is none: `/tmp` and `/run` hold files that somebody made.
 */
const TYPES: ReadonlySet<number> = new Set([
  0x0000_9fa0, // proc
  0x6265_6572, // sysfs
  0x0000_1cd1, // devpts
  0x0027_e0eb, // cgroup
  0x6367_7270, // cgroup2
  0x6462_6720, // debugfs
  0x7472_6163, // tracefs
  0x7363_6673, // securityfs
  0x6265_6570, // configfs
  0x6165_676c, // pstore
  0xde5e_81e4, // efivarfs
  0x1980_0202, // mqueue
  0x9584_58f6, // hugetlbfs
  0xcafe_4a11, // bpf
  0x6573_5543, // fusectl
  0x4249_4e4d, // binfmt_misc
  0xf97c_ff8c, // selinuxfs
  0x6759_6969, // rpc_pipefs
  0x6e73_6673, // nsfs
])

/** A tmpfs on most systems, and full of devices on all. */
const DEVICES = '/dev'

/** @param path - a folder where something is mounted, bytes as characters */
export function isSystemFolder(path: string): boolean {
  if (path === DEVICES) return true
  try {
    // Some systems give the number with a sign.
    return TYPES.has(statfsSync(Buffer.from(path, 'latin1')).type >>> 0)
  } catch {
    // Whatever is wrong there, looking into it will tell.
    return false
  }
}
