/** Small codecs for the Compute suite: each shows one thing that a codec may do. */

import { FormatError } from '../../protocol/errors.ts'

/** A FormatError with fields, as codecs throw. */
export class ToyError extends FormatError {
  override readonly name = 'ToyError'
  readonly offset: number

  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}

const echo = (params: { prefix: number }) => ({
  push: (bytes: Uint8Array): Uint8Array[] => [Uint8Array.of(params.prefix), bytes],
  close: (): Uint8Array[] => [],
})

const sum = (params: { start: number }) => {
  let total = params.start
  return {
    push: (bytes: Uint8Array): number[] => {
      for (const byte of bytes) total += byte
      return []
    },
    close: (): number[] => [total],
  }
}

/** Outputs with bytes in their fields, several of them views of one buffer. */
const halves = () => ({
  push: (bytes: Uint8Array): { part: Uint8Array; at: number }[] => {
    const middle = bytes.length >> 1
    return [
      { part: bytes.subarray(0, middle), at: 0 },
      { part: bytes.subarray(middle), at: middle },
    ]
  },
  close: (): { part: Uint8Array; at: number }[] => [],
})

const fails = (params: { when: 'open' | 'push' | 'close'; how: 'format' | 'bug' }) => {
  const fail = (when: string): void => {
    if (params.when !== when) return
    if (params.how === 'bug') throw new RangeError('off by one')
    throw new ToyError(`bad ${when}`, 7)
  }
  fail('open')
  return {
    push: (bytes: Uint8Array): number[] => (fail('push'), [bytes.length]),
    close: (): number[] => (fail('close'), [1]),
  }
}

export const codecs = { echo, sum, halves, fails } as const

/** The classes whose errors come back as what they were. */
export const errorClasses = [ToyError] as const
