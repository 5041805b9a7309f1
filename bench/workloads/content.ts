/**
 * Content: what files are filled with: text, bytes nothing can compress, records, zeros.
 */

import { Random } from '../random.ts'
import { Language, TextWriter } from './text.ts'

/** Made once: a day of changes needs the words of the first state. */
const languages = new Map<string, Language>()

export class ContentWriter {
  readonly random: Random
  readonly #text: TextWriter

  /**
   * @param label - of this content: another label, other bytes
   * @param language - name of the vocabulary, shared by all days of a tree
   */
  constructor(seed: number, label: string, language: string) {
    this.random = new Random(seed, label)
    this.#text = new TextWriter(new Random(seed, `${label} text`), languageOf(seed, language))
  }

  /** Compresses about 2.5 : 1. */
  text(size: number): Buffer {
    return this.#text.bytes(size)
  }

  /** Compresses not at all, like photographs and archives. */
  noise(size: number): Buffer {
    return this.random.bytes(size)
  }

  /** 24-byte records of a counter, a time, flags and a measurement: compresses about 2.5 : 1. */
  records(size: number): Buffer {
    const bytes = Buffer.alloc(size)
    let id = this.random.word()
    let time = 1_600_000_000 + this.random.below(100_000_000)
    for (let at = 0; at + 24 <= size; at += 24) {
      bytes.writeUInt32LE(id, at)
      bytes.writeUInt32LE(time, at + 4)
      bytes.writeUInt16LE(1 << this.random.below(8), at + 8)
      bytes.writeDoubleLE(Math.round(this.random.normal() * 1e4) / 100, at + 16)
      id = (id + 1) >>> 0
      time += this.random.below(30)
    }
    return bytes
  }

  /** Runs of text, noise, records and zeros, as in a disk image; runs of 4 KiB to 4 MiB. */
  image(size: number): Buffer {
    const bytes = Buffer.alloc(size)
    let at = 0
    while (at < size) {
      const wanted = Math.min(4 << 20, Math.max(4096, this.random.logNormal(128 << 10, 1.3)))
      const length = Math.min(size - at, Math.round(wanted / 4096) * 4096)
      const kind = this.random.fraction()
      if (kind < 0.3) bytes.set(this.text(length), at)
      else if (kind < 0.7) bytes.set(this.noise(length), at)
      else if (kind < 0.85) bytes.set(this.records(length), at)
      at += length
    }
    return bytes
  }
}

function languageOf(seed: number, name: string): Language {
  const key = `${seed} ${name}`
  const known = languages.get(key) ?? new Language(new Random(seed, name))
  languages.set(key, known)
  return known
}
