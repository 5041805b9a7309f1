/** What a folder keeps of files, in words. */

import type { Tried } from '../../restore/try-metadata.ts'

const WORDS: Readonly<Record<Tried['aspect'], string>> = {
  modes: 'rights (rwx) of files',
  nanoseconds: 'times to the nanosecond',
  'times before 1970': 'times before 1970',
  'times after 2262': 'times after 2262',
  'names of 255 bytes': 'names of 255 bytes',
  'names that are no text': 'names that are no text',
  'names that differ in case': 'names that differ in case only',
  'symbolic links': 'symbolic links',
  'times of links': 'times of symbolic links',
  'hard links': 'hard links',
  pipes: 'pipes (FIFOs)',
  holes: 'holes of sparse files',
  'birth times': 'when a file was made (recorded, never set)',
  attributes: 'extended attributes',
  ACLs: 'POSIX ACLs',
  owners: 'owners',
  setuid: 'setuid and setgid rights (with --setuid)',
  capabilities: 'Linux capabilities (with --setuid)',
  devices: 'device files (with --devices)',
}

/** Kept nowhere, so nothing need be tried. */
const NEVER: readonly string[] = [
  'sockets: they stand for a program that listens; a backup counts them',
  'flags (chattr), ACLs of macOS and NFSv4, streams of Windows',
]

const WIDTH = Math.max(...Object.values(WORDS).map(({ length }) => length))

export function metadataLines(tried: readonly Tried[]): string[] {
  const rows = tried.map(({ aspect, isKept, reason }) => {
    const words = WORDS[aspect].padEnd(WIDTH)
    return isKept ? `yes  ${words}` : `no   ${words}  ${explained(aspect, reason)}`
  })
  return [...rows.map((row) => row.trimEnd()), ...NEVER.map((words) => `no   ${words}`)]
}

function explained(aspect: Tried['aspect'], reason = ''): string {
  const isRoots = ['owners', 'capabilities', 'devices'].includes(aspect)
  if (reason === 'EPERM' && isRoots) return 'only root may'
  if (reason === 'ENOSYS') return 'this Node cannot, on this platform'
  if (reason === 'ENOTSUP' || reason === 'EOPNOTSUPP') return 'not on this file system'
  return reason
}
