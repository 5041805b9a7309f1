import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

import { encodeTypedText } from '../../protocol/typed-text.ts'
import { UsageError } from '../../src/base/errors.ts'
import { checkSecretFile, readRepairCapFile } from '../../src/cli/secret-file.ts'

describe('a place for a new secret', () => {
  it('is seen to be free, and left so', () => {
    const path = join(folder(), 'code.txt')
    checkSecretFile(path)
    expect(existsSync(path)).toBe(false)
  })

  it('is refused where a file lies, or no folder is', () => {
    const path = join(folder(), 'code.txt')
    writeFileSync(path, 'of somebody else')
    expect(() => checkSecretFile(path)).toThrow(UsageError)
    expect(existsSync(path)).toBe(true)
    expect(() => checkSecretFile(join(path, '..', 'none', 'code.txt'))).toThrow('cannot write')
  })
})

describe('a file for a repair cap', () => {
  it('that holds another text is named, with what is needed and what it is', () => {
    const path = join(folder(), 'code.txt')
    for (const type of ['join', 'read'] as const) {
      writeFileSync(path, encodeTypedText(type, new Uint8Array(8)))
      expect(() => readRepairCapFile(path)).toThrow(UsageError)
    }
    writeFileSync(path, encodeTypedText('join', new Uint8Array(8)))
    expect(() => readRepairCapFile(path)).toThrow(
      `${path} holds no repair cap: a cairn:repair: text is needed; this is a cairn:join: text`,
    )
  })
})

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'cairn-secret-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}
