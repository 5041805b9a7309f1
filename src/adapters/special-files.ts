/** FIFOs and device files, made by `mkfifo` and `mknod`. */

import type { DeviceNumber } from '../../protocol/tree.ts'
import type { PathBytes, SpecialFile } from '../ports/files.ts'
import { lastError, loadLibc, terminated, unavailable } from './libc.ts'

const PRIVATE = 0o600

const TYPES = { characterDevice: 0o020000, blockDevice: 0o060000 } as const

const fifos = loadLibc(['linux', 'darwin'], {
  mkfifo: { arguments: ['pointer', 'u32'], return: 'i32' },
})
const devices = loadLibc(['linux'], {
  mknod: { arguments: ['pointer', 'u32', 'u64'], return: 'i32' },
})

export const hasFifos = fifos !== undefined
export const hasDevices = devices !== undefined

/** @throws {FilesError} ENOSYS where this Node cannot do it */
export function makeSpecialFile(path: PathBytes, special: SpecialFile): void {
  const place = terminated(path)
  if (special.kind === 'fifo') {
    if (fifos === undefined) throw unavailable(path)
    if (fifos.mkfifo(place, PRIVATE) !== 0) throw lastError(path)
    return
  }
  if (devices === undefined) throw unavailable(path)
  const { kind, device } = special
  const number = toSystemNumber(device)
  if (devices.mknod(place, PRIVATE | TYPES[kind], number) !== 0) throw lastError(path)
}

/** As makedev(3) of glibc and musl does it. */
export function toSystemNumber(device: DeviceNumber): bigint {
  const [major, minor] = [BigInt(device.major), BigInt(device.minor)]
  return (
    (minor & 0xffn) |
    ((major & 0xfffn) << 8n) |
    ((minor & 0xffffff00n) << 12n) |
    ((major & 0xfffff000n) << 32n)
  )
}

/** The inverse. */
export function toDeviceNumber(number: bigint): DeviceNumber {
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n)
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffffff00n)
  return { major: Number(major), minor: Number(minor) }
}
