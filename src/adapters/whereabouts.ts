/**
 * Whereabouts: where a thread is, for another to read while it hangs.
 *
 * In shared memory: a count of steps, the lengths of folder and name (i32 each), folder and name. It is told at
 * each name of a walk, so nothing is called that costs more than the few bytes do.
 */

const HEADER_SIZE = 12

/** A path has 4,096 bytes at most, and a name 255; what is longer is not entered. */
const FOLDER_SIZE_MAX = 4_096
const NAME_SIZE_MAX = 256

const [STEPS, FOLDER, NAME] = [0, 1, 2]

/** Folders and names are text of one character a byte. */
export class Whereabouts {
  readonly shared: SharedArrayBuffer
  readonly #numbers: Int32Array
  readonly #folder: Buffer
  readonly #name: Buffer

  constructor(
    shared: SharedArrayBuffer = new SharedArrayBuffer(
      HEADER_SIZE + FOLDER_SIZE_MAX + NAME_SIZE_MAX,
    ),
  ) {
    this.shared = shared
    this.#numbers = new Int32Array(shared, 0, 3)
    this.#folder = Buffer.from(shared, HEADER_SIZE, FOLDER_SIZE_MAX)
    this.#name = Buffer.from(shared, HEADER_SIZE + FOLDER_SIZE_MAX, NAME_SIZE_MAX)
  }

  enter(folder: string): void {
    this.#numbers[FOLDER] = this.#folder.write(folder, 'latin1')
    this.#numbers[NAME] = 0
    this.#step()
  }

  /** @param name - in the folder entered last */
  see(name: string): void {
    const bytes = this.#name
    const size = Math.min(name.length, NAME_SIZE_MAX)
    for (let at = 0; at < size; at += 1) bytes[at] = name.charCodeAt(at)
    this.#numbers[NAME] = size
    this.#step()
  }

  /** How often it came somewhere. */
  get steps(): number {
    return Atomics.load(this.#numbers, STEPS)
  }

  /** Right only while nothing moves. */
  get path(): string {
    const folder = this.#folder.toString('latin1', 0, this.#numbers[FOLDER])
    const name = this.#name.toString('latin1', 0, this.#numbers[NAME])
    if (name === '') return folder
    return folder === '/' ? `/${name}` : `${folder}/${name}`
  }

  #step(): void {
    // One thread counts, so no step is lost; the other need not see each.
    this.#numbers[STEPS] = ((this.#numbers[STEPS] ?? 0) + 1) | 0
  }
}
