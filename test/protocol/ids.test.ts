import { describe, expect, it } from 'vitest'

import { FormatError } from '../../protocol/errors.ts'
import {
  deviceIdFromBytes,
  deviceIdToBytes,
  isDeviceId,
  isVaultId,
  vaultIdFromBytes,
  vaultIdToBytes,
} from '../../protocol/ids.ts'

const key = Uint8Array.from({ length: 32 }, (_, index) => index * 8)

describe('ids', () => {
  it('come out as they went in', () => {
    expect(vaultIdToBytes(vaultIdFromBytes(key))).toEqual(key)
    expect(deviceIdToBytes(deviceIdFromBytes(key))).toEqual(key)
  })

  it('are 32 bytes, neither more nor fewer', () => {
    for (const size of [0, 31, 33]) {
      expect(() => vaultIdFromBytes(new Uint8Array(size))).toThrow(FormatError)
      expect(() => deviceIdFromBytes(new Uint8Array(size))).toThrow(FormatError)
    }
  })

  it('have one text only', () => {
    const text: string = vaultIdFromBytes(key)
    for (const other of [text.toUpperCase(), ` ${text}`, `${text}\n`, text.slice(2), `${text}00`]) {
      expect(isVaultId(other)).toBe(false)
      expect(isDeviceId(other)).toBe(false)
    }
    expect(isVaultId(text)).toBe(true)
  })
})
