import { describe, expect, it } from 'vitest'

import { utf8 } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import {
  decodePeerFile,
  encodePeerFile,
  isSealedPeerFile,
  PassphraseNeededError,
  PEER_FILE_RANDOM_SIZE,
  WrongPassphraseError,
  type PeerFile,
} from '../../protocol/peer-file.ts'
import { encodeTypedText } from '../../protocol/typed-text.ts'

import { foreignError } from './fuzz.ts'
import { founder, grid, person, says, START } from './people.ts'

const file: PeerFile = {
  seed: person(1).key.seed,
  grid,
  statements: [says(founder, person(1), { type: 'admit', role: 'peer', issuedAt: START })],
  listen: ['/ip4/0.0.0.0/tcp/4280'],
}
const random = new Uint8Array(PEER_FILE_RANDOM_SIZE).fill(5)
const lock = { passphrase: 'correct horse', random, work: 14 }

describe('peer files', () => {
  it('come out as they went in, open and sealed', () => {
    expect(decodePeerFile(encodePeerFile(file))).toEqual(file)
    const sealed = encodePeerFile(file, lock)
    expect(decodePeerFile(sealed, lock.passphrase)).toEqual(file)
    expect(isSealedPeerFile(sealed)).toBe(true)
    expect(isSealedPeerFile(encodePeerFile(file))).toBe(false)
  })

  it('that are sealed show nothing of the key without the passphrase (K01)', () => {
    const sealed = encodePeerFile(file, lock)
    expect(() => decodePeerFile(sealed)).toThrow(PassphraseNeededError)
    for (const wrong of ['', 'Correct horse', 'correct horse ']) {
      expect(() => decodePeerFile(sealed, wrong)).toThrow(WrongPassphraseError)
    }
  })

  it('throw nothing but FormatErrors, even with a right checksum', async () => {
    const decode = (payload: Uint8Array) => decodePeerFile(encodeTypedText('peer', payload))
    expect(await foreignError(decode, [utf8('x')], 300)).toBeUndefined()
    expect(() => encodePeerFile({ ...file, seed: new Uint8Array(31) })).toThrow(FormatError)
  })
})
