/**
 * Trying metadata: what a folder's file system lets this user keep, found out by doing it.
 *
 * Everything is made in a folder of its own, which is gone afterwards.
 */

import { equal, toHex } from '../../protocol/bytes.ts'
import type { Xattr } from '../../protocol/file-extras.ts'
import { FilesError } from '../base/errors.ts'
import type { FileStatus, Files, FileTime } from '../ports/files.ts'
import type { Random } from '../ports/random.ts'
import { join } from '../source/path.ts'

/** What is tried, in the order in which it is told. */
export const ASPECTS = [
  'modes',
  'nanoseconds',
  'times before 1970',
  'times after 2262',
  'names of 255 bytes',
  'names that are no text',
  'names that differ in case',
  'symbolic links',
  'times of links',
  'hard links',
  'pipes',
  'holes',
  'birth times',
  'attributes',
  'ACLs',
  'owners',
  'setuid',
  'capabilities',
  'devices',
] as const

export type Aspect = (typeof ASPECTS)[number]

export interface Tried {
  readonly aspect: Aspect
  readonly isKept: boolean
  /** Why not: the system's word, or what came out in place of it. */
  readonly reason?: string
}

const HOLE_SIZE = 4 * 1024 * 1024

/** Somebody else: no account needs it. */
const OTHER_ID = 54_321

/**
 * @param folder - absolute
 * @throws {FilesError} nothing can be made there
 */
export async function tryMetadata(
  { files, random }: { readonly files: Files; readonly random: Random },
  folder: Uint8Array,
): Promise<readonly Tried[]> {
  const place = join(folder, bytes(`.cairn-${toHex(random.bytes(8))}.try`))
  await files.makeFolder(place)
  try {
    const trials = trialsIn(files, place)
    const tried: Tried[] = []
    for (const aspect of ASPECTS) tried.push({ aspect, ...(await outcome(trials[aspect])) })
    return tried
  } finally {
    for (const name of await files.list(place)) await files.remove(join(place, name))
    await files.remove(place)
  }
}

/** @returns nothing where it is kept, otherwise why not */
type Trial = () => Promise<string | undefined>

async function outcome(trial: Trial): Promise<Omit<Tried, 'aspect'>> {
  try {
    const reason = await trial()
    return reason === undefined ? { isKept: true } : { isKept: false, reason }
  } catch (error) {
    if (!(error instanceof FilesError)) throw error
    return { isKept: false, reason: error.code }
  }
}

function trialsIn(files: Files, place: Uint8Array): Readonly<Record<Aspect, Trial>> {
  let count = 0
  const fresh = () => join(place, bytes(`${(count += 1)}`))
  const make = async (path = fresh(), content = bytes('x')) => {
    const writer = await files.create(path)
    await writer.write(content)
    await writer.close()
    return path
  }
  const time = (mtime: FileTime, makeOne: () => Promise<Uint8Array> = make): Trial => {
    return async () => {
      const path = await makeOne()
      await files.setModified(path, mtime)
      const now = (await files.status(path)).mtime
      const isSame = now.seconds === mtime.seconds && now.nanoseconds === mtime.nanoseconds
      return isSame
        ? undefined
        : `became ${now.seconds}.${String(now.nanoseconds).padStart(9, '0')}`
    }
  }
  const mode = (wanted: number): Trial => {
    return async () => {
      const path = await make()
      await files.setMode(path, wanted)
      const now = (await files.status(path)).mode
      return now === wanted ? undefined : `became ${now.toString(8)}`
    }
  }
  const xattr = (wanted: Xattr): Trial => {
    return async () => {
      const path = await make()
      const [refusal] = await files.setXattrs(path, [wanted])
      if (refusal !== undefined) return refusal.code
      const found = (await files.xattrs(path)).find(({ name }) => equal(name, wanted.name))
      return found !== undefined && equal(found.value, wanted.value) ? undefined : 'became another'
    }
  }
  const name = (wanted: Uint8Array): Trial => {
    return async () => {
      await make(join(place, wanted))
      const names = await files.list(place)
      return names.some((each) => equal(each, wanted)) ? undefined : 'became another'
    }
  }
  const link = async () => {
    const path = fresh()
    await files.makeSymlink(bytes('nowhere'), path)
    return path
  }
  const seen = async (path: Uint8Array, isRight: (status: FileStatus) => boolean) =>
    isRight(await files.status(path)) ? undefined : 'became another'
  return {
    modes: mode(0o640),
    nanoseconds: time({ seconds: 1_700_000_000, nanoseconds: 123_456_789 }),
    'times before 1970': time({ seconds: -1_000_000_000, nanoseconds: 500_000_000 }),
    'times after 2262': time({ seconds: 10_000_000_000, nanoseconds: 0 }),
    'names of 255 bytes': name(new Uint8Array(255).fill(0x6e)),
    'names that are no text': name(Uint8Array.of(0xff, 0xfe, 0x0a)),
    'names that differ in case': async () => {
      await make(join(place, bytes('case')))
      await make(join(place, bytes('CASE')))
      return undefined
    },
    'symbolic links': async () => {
      await link()
      return undefined
    },
    'times of links': time({ seconds: 1_000_000_000, nanoseconds: 1 }, link),
    'hard links': async () => {
      const path = await make()
      await files.link(path, fresh())
      return seen(path, ({ linkCount }) => linkCount === 2)
    },
    pipes: async () => {
      const path = fresh()
      await files.makeSpecial(path, { kind: 'fifo' })
      return seen(path, ({ kind }) => kind === 'fifo')
    },
    holes: async () => {
      const path = fresh()
      const writer = await files.create(path)
      await writer.skip(HOLE_SIZE)
      await writer.write(bytes('end'))
      await writer.close()
      const reader = await files.open(path)
      const holes = await reader.holes(1)
      await reader.close()
      return holes.length > 0 ? undefined : 'became zeros'
    },
    'birth times': async () =>
      (await files.status(await make())).bornAt === undefined ? 'not told' : undefined,
    attributes: xattr({ name: bytes('user.cairn'), value: bytes('x') }),
    ACLs: xattr({ name: bytes('system.posix_acl_access'), value: ACL }),
    owners: async () => {
      const path = await make()
      await files.setOwner(path, { uid: OTHER_ID, gid: OTHER_ID })
      return seen(path, ({ uid, gid }) => uid === OTHER_ID && gid === OTHER_ID)
    },
    setuid: mode(0o6755),
    capabilities: xattr({ name: bytes('security.capability'), value: CAPABILITY }),
    devices: async () => {
      const path = fresh()
      const device = { major: 1, minor: 3 }
      await files.makeSpecial(path, { kind: 'characterDevice', device })
      return seen(path, ({ deviceNumber }) => deviceNumber?.major === 1 && deviceNumber.minor === 3)
    },
  }
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** One user more may read: acl(5), as linux/posix_acl_xattr.h lays it out, little-endian. */
const ACL = littleEndian([
  [4, 2],
  ...[
    [0x01, 6, 0xffff_ffff],
    [0x02, 4, OTHER_ID],
    [0x04, 4, 0xffff_ffff],
    [0x10, 4, 0xffff_ffff],
    [0x20, 0, 0xffff_ffff],
  ].flatMap(([tag = 0, rights = 0, id = 0]): [2 | 4, number][] => [
    [2, tag],
    [2, rights],
    [4, id],
  ]),
])

/** cap_net_raw, effective: linux/capability.h, revision 2. */
const CAPABILITY = littleEndian([
  [4, 0x0200_0001],
  [4, 1 << 13],
  [4, 0],
  [4, 0],
  [4, 0],
])

function littleEndian(numbers: readonly (readonly [size: 2 | 4, value: number])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(numbers.reduce((sum, [size]) => sum + size, 0)))
  let at = 0
  for (const [size, value] of numbers) {
    if (size === 2) view.setUint16(at, value, true)
    else view.setUint32(at, value, true)
    at += size
  }
  return new Uint8Array(view.buffer)
}
