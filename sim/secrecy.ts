/**
 * Secrecy: what nobody but the owner may read, sought wherever a friend, a helper or a reader of logs could look.
 *
 * The person's files carry a drawn word, a *canary*, and so do their names, the tags and the name of the computer.
 * These and the vault's keys are sought, as they are and in hex and base64,
 *
 * - in all that one machine says to another, errors included, as the streams take it;
 * - in every line of the trace: log events of the laptop and of the peers, names of files on disks;
 * - at the end on the disks and in the databases of all friends, and on the laptop. There the keyring may hold
 *   its keys (not the root, from which the words are) and the databases names (docs/architecture.md, "What lies where").
 *   A helper may have the text of its repair cap in the folder for that; the ledger key and the repair seed in it nowhere else.
 *
 * What it does not see: a secret that is cut in two between two writes, one that was compressed or changed
 * in any other way and sent in the clear (the canary's random file does not compress, so it shows), sizes and times,
 * and anything in memory.
 */

import { requireCap } from '../protocol/cap.ts'
import { deriveReadKeys, deriveVaultKeys } from '../protocol/keys.ts'
import { wordsToRoot } from '../protocol/words.ts'
import { StoryError } from './errors.ts'
import type { Machine } from './machine.ts'
import { Needles } from './needles.ts'
import type { SimRandom } from './random.ts'
import type { World } from './world.ts'

const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567'.split('')
const CANARY_SIZE = 14
const WORDS_SOUGHT = 3
const LINE_SHOWN = 400

/** Where the client keeps its keys, as docs/architecture.md says. */
const KEYRING = 'keys/'

/** Where a helper keeps the caps that it was given. */
const CAPS = 'help/'

/** Words that come nowhere by chance, and that may stand in any file's name. */
export interface Canaries {
  /** In names of files, in tags, and in the name of the computer. */
  readonly name: string
  /** In contents. */
  readonly content: string
}

export function drawCanaries(random: SimRandom): Canaries {
  const draw = () => Array.from({ length: CANARY_SIZE }, () => random.pick(LETTERS)).join('')
  return { name: draw(), content: draw() }
}

export class Secrecy {
  readonly #world: World
  /** Whether a machine is the owner's: then its keyring may hold keys. */
  readonly #isOwn: (name: string) => boolean
  /** Friends who were given a repair cap. */
  readonly #helpers = new Set<string>()
  readonly #needles = new Needles()
  /** What not even the owner's databases may hold, which know the names of files. */
  readonly #beyondNames = new Needles()
  /** What not even a helper may keep beside its cap. */
  readonly #beyondCaps = new Needles()
  /** What not even a keyring may hold. */
  readonly #roots = new Needles()
  #leak: string | undefined
  /** Bytes that were looked through. */
  bytes = 0

  /** Listens from now on. */
  constructor(world: World, canaries: Canaries, isOwn: (name: string) => boolean) {
    this.#world = world
    this.#isOwn = isOwn
    const { name, content } = canaries
    for (const needles of [this.#needles, this.#beyondCaps]) {
      needles.add('a name', Buffer.from(name))
    }
    for (const needles of [this.#needles, this.#beyondCaps, this.#beyondNames]) {
      needles.add('a content', Buffer.from(content))
    }
    world.internet.overhear((from, to, bytes) => {
      this.#look(bytes, () => `${from} told ${to}`)
    })
    world.trace.read((text) => {
      const bytes = Buffer.from(text)
      this.#look(bytes, () => `the trace tells in ${this.#lineOf(text)}`)
    })
  }

  /** Seek the keys that follow from the words too. */
  guard(words: string): void {
    const root = wordsToRoot(words)
    const { vaultKey, recoveryKey, pruneKey, readSecret } = deriveVaultKeys(root)
    const kept = { readSecret, pruneSeed: pruneKey.seed, ...deriveReadKeys(readSecret) }
    const secret = {
      root,
      words: Buffer.from(words.split(' ').slice(0, WORDS_SOUGHT).join(' ')),
      vaultSeed: vaultKey.seed,
      recoverySeed: recoveryKey.seed,
    }
    for (const [name, bytes] of Object.entries({ ...kept, ...secret })) {
      this.#addAll(`the ${name}`, bytes)
    }
    for (const [name, bytes] of Object.entries(secret)) this.#roots.add(name, bytes)
  }

  /** What a person is told, errors and warnings too: names belong there, contents and keys do not. */
  hear(line: string): void {
    this.#look(
      Buffer.from(line),
      () => `a line for the person (${line.slice(0, LINE_SHOWN)}) holds`,
      this.#beyondNames,
    )
  }

  /** A helper is given a repair cap: its text may lie where helpers keep caps, and nowhere else. */
  guardCap(helper: string, text: string): void {
    this.#helpers.add(helper)
    this.#addAll('the repair seed', requireCap(text, 'repair').repairSeed)
    for (const needles of [this.#needles, this.#beyondNames]) {
      needles.add('a repair cap', Buffer.from(text))
    }
  }

  /** @throws {StoryError} something was told that nobody may know */
  check(): void {
    if (this.#leak !== undefined) throw new StoryError(this.#leak)
  }

  /**
   * Look through all disks and databases.
   *
   * @throws {StoryError}
   */
  checkDisks(): void {
    for (const machine of this.#world.machines.values()) this.#lookAt(machine)
    // The trace tells its last lines.
    this.#world.trace.digest()
    this.check()
  }

  #lineOf(text: string): string {
    const lines = text.split('\n')
    const line = lines.find((one) => this.#needles.find(Buffer.from(one)) !== undefined)
    return `${line?.slice(0, LINE_SHOWN)}`
  }

  #lookAt({ name, volume, databases }: Machine): void {
    for (const { path, file } of volume.files()) {
      const bytes = file.read(0, file.size)
      this.#look(bytes, () => `${path} of ${name} holds`, this.#soughtIn(path, name))
      this.#look(Buffer.from(path), () => `a name at ${name} holds`)
    }
    for (const [database, bytes] of databases.look()) {
      if (bytes === undefined) continue
      const needles = this.#isOwn(name) ? this.#beyondNames : this.#needles
      this.#look(bytes, () => `the database ${database} of ${name} holds`, needles)
    }
  }

  #soughtIn(path: string, name: string): Needles {
    if (path.startsWith(KEYRING) && this.#isOwn(name)) return this.#roots
    return path.startsWith(CAPS) && this.#helpers.has(name) ? this.#beyondCaps : this.#needles
  }

  #addAll(name: string, bytes: Uint8Array): void {
    for (const needles of [this.#needles, this.#beyondCaps, this.#beyondNames]) {
      needles.add(name, bytes)
    }
  }

  #look(bytes: Uint8Array, where: () => string, needles = this.#needles): void {
    this.bytes += bytes.length
    if (this.#leak !== undefined) return
    const found = needles.find(bytes)
    if (found !== undefined) this.#leak = `${where()} ${found}`
  }
}
