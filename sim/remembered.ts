/**
 * Remembered: signatures are checked once in a world, and keys are read once.
 *
 * A hundred copies of a head are opened in a hundred places of one process, each of which a computer of its
 * own would check for itself. The check is pure, so that its answer may be kept: it is what takes most of a
 * processor's time otherwise.
 */

import crypto, { type KeyObject } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

/** So much is kept at most; then all of it is forgotten. */
const COUNT_MAX = 200_000

type PublicKeyInput = Parameters<typeof crypto.createPublicKey>[0]

type Spki = Extract<PublicKeyInput, { key: unknown }> & { readonly key: Uint8Array }

/** @returns puts everything back */
export function rememberSignatures(): () => void {
  const { verify, createPublicKey } = crypto
  const keys = new Map<string, KeyObject>()
  const answers = new Map<KeyObject, Map<string, boolean>>()
  let count = 0

  const readKey = (input: PublicKeyInput): KeyObject => {
    if (!isSpki(input)) return createPublicKey(input)
    const name = Buffer.from(input.key).toString('latin1')
    const known = keys.get(name)
    if (known !== undefined) return known
    const key = createPublicKey(input)
    keys.set(name, key)
    answers.set(key, new Map())
    return key
  }
  const check = (hash: null, text: Uint8Array, key: KeyObject, signature: Uint8Array): boolean => {
    const known = answers.get(key)
    if (known === undefined) return verify(hash, text, key, signature)
    const name = crypto.createHash('sha256').update(text).update(signature).digest('latin1')
    const kept = known.get(name)
    if (kept !== undefined) return kept
    if (++count > COUNT_MAX) {
      for (const each of answers.values()) each.clear()
      count = 0
    }
    const answer = verify(hash, text, key, signature)
    known.set(name, answer)
    return answer
  }

  Object.assign(crypto, { verify: check, createPublicKey: readKey })
  syncBuiltinESMExports()
  return () => {
    Object.assign(crypto, { verify, createPublicKey })
    syncBuiltinESMExports()
  }
}

function isSpki(input: PublicKeyInput): input is Spki {
  const isObject = typeof input === 'object' && 'type' in input && input.type === 'spki'
  return isObject && 'key' in input && input.key instanceof Uint8Array
}
