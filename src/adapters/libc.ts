/**
 * Calls of the system's C library through Node's own FFI: docs/adr/0002-utimensat-by-ffi.md.
 *
 * Signatures are fixed and arrays live until a call returns; a wrong one would corrupt memory. Where FFI or
 * a symbol is absent, nothing is loaded and whoever asked does without.
 */

import { constants } from 'node:os'
import type { DynamicLibraryResult, FunctionDefinitions } from 'node:ffi'

import { FilesError } from '../base/errors.ts'
import type { PathBytes } from '../ports/files.ts'

/** `size_t`, `off_t` and timespec are 64 bits wide on these; others may have narrower ones. */
const ARCHITECTURES: readonly string[] = ['x64', 'arm64']

type Functions<T extends FunctionDefinitions> = DynamicLibraryResult<T>['functions']

/** @returns `undefined` where one of them is missing */
export function loadLibc<const T extends FunctionDefinitions>(
  platforms: readonly NodeJS.Platform[],
  definitions: T,
): Functions<T> | undefined {
  if (!platforms.includes(process.platform) || !ARCHITECTURES.includes(process.arch)) {
    return undefined
  }
  try {
    // `null` is this very process, which has libc in it.
    return process.getBuiltinModule('node:ffi').dlopen(null, definitions).functions
  } catch {
    // An older Node, one built without FFI, or a libc that hides its symbols.
    return undefined
  }
}

const errorNumber = findErrorNumber()

const CODES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    // Two words for one number: the one that the rest of the program looks for.
    .toSorted(([a], [b]) => Number(b === 'ENOTSUP') - Number(a === 'ENOTSUP'))
    .toReversed()
    .map(([code, number]) => [number, code]),
)

/** @returns the system's word for why the call before refused */
export function lastCode(): string {
  return CODES.get(errorNumber?.() ?? 0) ?? 'EIO'
}

/** The call before refused. */
export function lastError(path: PathBytes): FilesError {
  const code = lastCode()
  return new FilesError(code === 'EDQUOT' ? 'ENOSPC' : code, `${shown(path)}: ${code}`)
}

/** This machine cannot do it. */
export function unavailable(path: PathBytes): FilesError {
  return new FilesError('ENOSYS', `${shown(path)}: this Node cannot do that on this platform`)
}

/** Text as C has it: with a zero byte behind. */
export function terminated(text: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(text.length + 1)
  bytes.set(text)
  return bytes
}

function shown(path: PathBytes): string {
  return new TextDecoder().decode(path)
}

function findErrorNumber(): (() => number) | undefined {
  const definition = { arguments: [], return: 'pointer' } as const
  const { __errno_location: linux } = loadLibc(['linux'], { __errno_location: definition }) ?? {}
  const { __error: darwin } = loadLibc(['darwin'], { __error: definition }) ?? {}
  const place = linux ?? darwin
  if (place === undefined) return undefined
  const { getInt32 } = process.getBuiltinModule('node:ffi')
  return () => getInt32(place())
}
