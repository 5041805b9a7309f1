/** Memory of this process, once what nothing needs was let go. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | undefined

/** @returns bytes on the heap and in buffers */
export function memoryInUse(): number {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  // What a first turn lets go may hold buffers that only a second finds.
  for (let turn = 0; turn < 3; turn++) collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
