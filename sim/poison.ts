/**
 * Poison: while a run is under way, reaching for real time, chance or threads is an error.
 *
 * What was reached for is thrown at once, and remembered, since somebody may swallow what is thrown.
 */

import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'
import timersPromises from 'node:timers/promises'
import { PoisonError } from './errors.ts'

interface Poisoned {
  readonly owner: object
  readonly name: string
}

/** All that gives another answer in each run, or answers from another thread. */
function sources(): Poisoned[] {
  return [
    ...of(globalThis, 'setTimeout', 'setInterval', 'setImmediate', 'fetch'),
    ...of(Date, 'now'),
    ...of(performance, 'now'),
    ...of(process, 'hrtime'),
    ...of(Math, 'random'),
    ...of(AbortSignal, 'timeout'),
    ...of(timers, 'setTimeout', 'setInterval', 'setImmediate'),
    ...of(timersPromises, 'setTimeout', 'setInterval', 'setImmediate'),
    ...of(globalThis.crypto, 'getRandomValues', 'randomUUID'),
    ...of(SubtleCrypto.prototype, 'digest', 'encrypt', 'decrypt', 'sign', 'verify'),
    ...of(SubtleCrypto.prototype, 'importKey', 'deriveBits', 'deriveKey', 'generateKey'),
    ...of(crypto, 'randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID'),
    ...of(crypto, 'generateKeyPair', 'generateKeyPairSync', 'generateKey', 'generateKeySync'),
    ...of(crypto, 'scrypt', 'pbkdf2', 'hkdf', 'argon2'),
  ]
}

function of(owner: object, ...names: string[]): Poisoned[] {
  return names.map((name) => ({ owner, name }))
}

export interface Guard {
  /** Names reached for so far, each once. */
  readonly found: ReadonlySet<string>
  /** Put everything back. */
  uninstall(): void
}

let isInstalled = false

/**
 * Poison the world; only one guard at a time.
 *
 * @throws {Error} there is one
 */
export function installPoison(): Guard {
  if (isInstalled) throw new Error('the world is poisoned already')
  isInstalled = true
  const found = new Set<string>()
  const undo: (() => void)[] = []
  for (const { owner, name } of sources()) {
    const known = Object.getOwnPropertyDescriptor(owner, name)
    const inherited: unknown = Reflect.get(owner, name)
    if (typeof inherited !== 'function') continue
    Object.defineProperty(owner, name, {
      configurable: true,
      writable: true,
      value: () => {
        found.add(name)
        throw new PoisonError(`${name} is not of this world: ask a port`)
      },
    })
    undo.push(() => {
      if (known === undefined) Reflect.deleteProperty(owner, name)
      else Object.defineProperty(owner, name, known)
    })
  }
  syncBuiltinESMExports()
  return {
    found,
    uninstall: () => {
      isInstalled = false
      for (const restore of undo.toReversed()) restore()
      syncBuiltinESMExports()
    },
  }
}
