/**
 * Whereabouts: where a thread is, for another to read while it hangs.
 *
 * In shared memory: a count of steps (i32), the length of the path (i32), and the path.
 */

const HEADER_SIZE = 8

/** A path has 4,096 bytes at most; longer ones are not entered. */
const PATH_SIZE_MAX = 4_096 + 256

const [STEPS, SIZE] = [0, 1]

export class Whereabouts {
  readonly shared: SharedArrayBuffer
  readonly #numbers: Int32Array
  readonly #path: Buffer

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(HEADER_SIZE + PATH_SIZE_MAX)) {
    this.shared = shared
    this.#numbers = new Int32Array(shared, 0, 2)
    this.#path = Buffer.from(shared, HEADER_SIZE)
  }

  /** @param path - one character a byte */
  enter(path: string): void {
    this.#numbers[SIZE] = this.#path.write(path, 'latin1')
    Atomics.add(this.#numbers, STEPS, 1)
  }

  /** How often it came somewhere. */
  get steps(): number {
    return Atomics.load(this.#numbers, STEPS)
  }

  /** Right only while nothing moves. */
  get path(): string {
    return this.#path.toString('latin1', 0, this.#numbers[SIZE])
  }
}
