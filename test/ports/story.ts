/**
 * How a suite's stories are run.
 *
 * A real world just lets a story happen; a simulated one turns its own clock until the story ends.
 */

/** Run a story to its end; rejects as the story does. */
export type RunStory = (story: () => Promise<void>) => Promise<void>

/** Let it happen. */
export const inRealTime: RunStory = (story) => story()

/** All the bytes of a stream, in one array. */
export async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return join(chunks)
}

export function join(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.length
  }
  return whole
}

/** Bytes that look like noise and are the same in every run (xorshift32). */
export function noise(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = (seed * 0x9e3779b1 + 1) >>> 0 || 1
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[index] = state
  }
  return new Uint8Array(words.buffer, 0, length)
}

/** Whether two arrays hold the same bytes; much faster than `toEqual` where they are long. */
export function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index])
}

export const text = (words: string): Uint8Array => new TextEncoder().encode(words)
