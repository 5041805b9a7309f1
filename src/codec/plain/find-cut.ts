/** Where chunks end, plain: the twin of `kernels/find-cut.ts`. */

import type { CutFinder, OpenCutFinder } from '../kernels/kernels.ts'

export const findCutsPlainly: OpenCutFinder = (gear, threshold) => {
  let hash = 0
  return {
    restart: () => {
      hash = 0
    },
    find: (bytes, from, first, end) => {
      for (let at = from; at < end; at++) {
        hash = ((hash << 1) + gear[bytes[at]!]!) | 0
        if (at >= first && hash >>> 0 < threshold) return at + 1
      }
      return undefined
    },
  } satisfies CutFinder
}
