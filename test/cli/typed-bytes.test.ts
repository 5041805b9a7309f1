import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { typedArguments, typedBytes, typedText } from '../../src/cli/typed-bytes.ts'
import { makeFolder } from '../adapters/folder.ts'

const MODULE = fileURLToPath(new URL('../../src/cli/typed-bytes.ts', import.meta.url))

describe('typed bytes', () => {
  it('come out as they went in, whether or not they are UTF-8', () => {
    fc.assert(
      fc.property(fc.uint8Array({ min: 1 }), (bytes) => {
        expect(typedBytes(typedText(bytes))).toEqual(bytes)
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const bytes = new Uint8Array(Buffer.from(text))
        expect(typedText(bytes)).toBe(Buffer.from(bytes).toString())
      }),
    )
  })

  it('are found again where Node has lost them', () => {
    const env = {
      CAIRN_TYPED: Buffer.from('node\0cairn\0ls\0a\xff\0', 'latin1').toString('base64'),
    }
    expect(typedArguments(['ls', 'a\ufffd'], env)).toEqual(['ls', 'a\udcff'])
    expect(env).toEqual({})
  })

  it('stay as Node gives them where that is another command line, or none is needed', () => {
    const told = () => ({ CAIRN_TYPED: Buffer.from('node\0b\xff\0', 'latin1').toString('base64') })
    expect(typedArguments(['a\ufffd'], told())).toEqual(['a\ufffd'])
    expect(typedArguments(['a'], told())).toEqual(['a'])
  })

  it.runIf(process.platform === 'linux')('are those of this process and of its folder', () => {
    const folder = makeFolder()
    const odd = Buffer.concat([Buffer.from(`${folder}/`), Buffer.of(0x62, 0xe9)])
    mkdirSync(odd)
    const program = join(folder, 'program.ts')
    writeFileSync(
      program,
      `import { typedArguments, typedBytes, typedFolder } from ${JSON.stringify(MODULE)}
       const words = [...typedArguments(process.argv.slice(2), {}), typedFolder(process.cwd())]
       console.log(words.map((word) => Buffer.from(typedBytes(word)).toString('hex')).join(' '))`,
    )
    const quoted = [process.execPath, program].map((word) => `'${word}'`).join(' ')
    const script = `cd ${folder}/$'b\\xe9' && ${quoted} $'a\\xff' é`
    const { stdout } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
    expect(stdout).toBe(`61ff c3a9 ${odd.toString('hex')}\n`)
  })
})
