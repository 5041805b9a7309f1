import { describe, expect, it } from 'vitest'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '../../src/base/errors.ts'
import type { Context } from '../../src/cli/context.ts'
import { EXIT, exitCodeOf } from '../../src/cli/exit-code.ts'
import { run } from '../../src/cli/program.ts'
import { RetentionRefusedError } from '../../src/repair/retention.ts'
import { VaultNotFoundError } from '../../src/store/keyring.ts'
import { FormatError } from '../../protocol/errors.ts'
import { WrongPassphraseError } from '../../protocol/peer-file.ts'
import { Collector } from './collector.ts'

const COMMANDS = [
  ['demo'],
  ['init'],
  ['join'],
  ['backup'],
  ['snapshots'],
  ['heads'],
  ['what-if'],
  ['ls'],
  ['history'],
  ['pin'],
  ['unpin'],
  ['forget'],
  ['rebuild'],
  ['gc'],
  ['restore'],
  ['recover'],
  ['status'],
  ['peer', 'run'],
  ['grid', 'local'],
  ['grid', 'stop'],
]

describe('the command line', () => {
  it.each([[], ...COMMANDS].map((command) => [command]))(
    'cairn %j --help shows examples on stdout',
    async (command) => {
      const { code, stdout, stderr } = await typed([...command, '--help'])
      expect(code).toBe(EXIT.ok)
      expect(stdout.text).toContain('Examples:')
      expect(stderr.text).toBe('')
    },
  )

  it.each(COMMANDS.map((command) => [command]))('cairn %j takes --json', async (command) => {
    expect((await typed([...command, '--help'])).stdout.text).toContain('--json')
  })

  it('shows its version', async () => {
    const { code, stdout } = await typed(['--version'])
    expect(code).toBe(EXIT.ok)
    expect(stdout.text).toMatch(/^cairn \d+\.\d+\.\d+\n$/)
  })

  it.each([
    [['backup', '--fast'], "unknown option '--fast'"],
    [['uploads'], "unknown command 'uploads'"],
    [['restore', '/a'], "'--target <folder>' not specified"],
    [['restore', '--target', '/b'], "missing required argument 'path'"],
    [['ls', '/a', '/b'], 'too many arguments'],
    [['backup', '--code', '7-of-4', '/a'], '4-of-7'],
    [['peer', 'run', '--store', '/a', '--capacity', 'much', '--listen', '/x'], 'Expected a size'],
    [['grid', 'local', '--dir', '/a', '--peers', '0'], 'from 1 to 64'],
    [['demo', '--size', 'huge'], 'small, normal'],
    [['recover', '--words-from', '/a'], 'either --code-from FILE or --peer MULTIADDR'],
    [['init', '--json'], '--words-to FILE'],
    [['forget', '--keep-within', '3w'], '1y5m7d2h'],
    [['forget', '--keep-last'], 'argument missing'],
    [['rebuild', '--budget', 'all'], 'Expected a size'],
    [['history', '--share-loss', 'many', '/a'], '5%'],
    [['history', '--share-loss', '5%', '--measure', '/a'], 'cannot be used with'],
    [['pin'], "missing required argument 'snapshot'"],
  ])('%j ends with 2 and says what is wrong', async (args, explained) => {
    const { code, stdout, stderr } = await typed(args)
    expect(code).toBe(EXIT.usage)
    expect(stderr.text).toContain(explained)
    expect(stdout.text).toBe('')
  })

  it.each([[[]], [['grid']], [['peer']]])(
    '%j alone shows what there is, and ends with 2',
    async (args) => {
      const { code, stderr } = await typed(args)
      expect(code).toBe(EXIT.usage)
      expect(stderr.text).toContain('Commands:')
    },
  )

  it('ends what it says with one full stop, and one hint', async () => {
    const { stderr } = await typed(['peer', 'vacation', '120d', '--store', '/a'])
    expect(stderr.text).toBe(
      "cairn: argument value '120d' is invalid for argument 'duration'. " +
        "Expected days and hours, for instance 2d12h, up to 90d. See the command's --help.\n",
    )
  })

  it('breaks lines of its help where the terminal ends, and tells no default that is none', async () => {
    const { text } = (await typed(['peer', 'run', '--help'])).stdout
    expect(text).toContain('joins the grid of --code-from or\nfounds one of its own;')
    expect(text).not.toContain('[]')
  })

  it('tells a mistake as JSON where JSON was asked for', async () => {
    const { stderr } = await typed(['backup', '--json', '--fast'])
    expect(stderr.records).toMatchObject([{ message_type: 'exit_error', code: 2 }])
  })
})

describe('exit codes', () => {
  it.each([
    [new UsageError('x'), EXIT.usage],
    [new VaultNotFoundError(), EXIT.notFound],
    [new RetentionRefusedError('x'), EXIT.refused],
    [new WrongPassphraseError('x'), EXIT.wrongKey],
    [new FormatError('x'), EXIT.error],
    [new TypeError('x'), EXIT.error],
  ])('%s', (error, code) => expect(exitCodeOf(error)).toBe(code))
})

async function typed(args: readonly string[]) {
  const stdout = new Collector()
  const stderr = new Collector()
  const context: Context = {
    env: { CAIRN_HOME: join(tmpdir(), 'cairn-no-such-home') },
    workingFolder: '/',
    stdout,
    stderr,
    signal: new AbortController().signal,
    now: () => 0,
    exit: EXIT.ok,
  }
  return { code: await run(args, context), stdout, stderr }
}
