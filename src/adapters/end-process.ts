/**
 * Ending this process, even where a thread hangs in a call that never ends: Node would wait for it.
 */

import { once } from 'node:events'
import process from 'node:process'
import { hasStuckThread } from './stalls.ts'

export async function endProcess(code: number): Promise<never> {
  if (!hasStuckThread()) return process.exit(code)
  // What was written may still be on its way.
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await once(stream, 'drain')
  }
  findExit()?.(code)
  process.kill(process.pid, 'SIGKILL')
  return await new Promise<never>(() => undefined)
}

/** The system's own exit, from libc. */
const NAME = '_exit'

/** `_exit` of libc runs nothing on its way out; without FFI there is only a signal, which tells no code. */
function findExit(): ((code: number) => void) | undefined {
  try {
    const ffi = process.getBuiltinModule('node:ffi')
    const { functions } = ffi.dlopen(null, { [NAME]: { arguments: ['i32'], return: 'void' } })
    return (code) => {
      functions[NAME](code)
    }
  } catch {
    return undefined
  }
}
