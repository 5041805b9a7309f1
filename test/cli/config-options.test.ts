/** Options and config.toml: what a person sets once has a key, and what a flag says goes before it. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { backupCommand } from '../../src/cli/commands/backup.ts'
import { scanCommand } from '../../src/cli/commands/scan.ts'
import { uploadCommand } from '../../src/cli/commands/upload.ts'
import { readConfig, type Config } from '../../src/cli/config.ts'
import type { Context } from '../../src/cli/context.ts'
import { EXIT } from '../../src/cli/exit-code.ts'
import { findHome } from '../../src/cli/home.ts'
import { openPorts } from '../../src/cli/ports.ts'
import { readSources, withSourceOptions, type SourceOptions } from '../../src/cli/source-options.ts'
import { readUpload, withUploadOptions, type UploadOptions } from '../../src/cli/upload-options.ts'
import { Collector } from './collector.ts'

const MIB = 1024 ** 2

/** What is meant for one run. */
const OF_ONE_RUN = [
  'json',
  'help',
  'files-from0',
  'hash-check',
  'quick',
  'explain',
  'stdin-from-command',
  'stdin-filename',
]

/** Each other option, and how config.toml has it. */
const KEYS: Record<string, string> = {
  exclude: 'backup.exclude = ["*.o"]',
  iexclude: 'backup.iexclude = ["*.o"]',
  'exclude-file': 'backup.exclude-file = ["/etc/excludes"]',
  'iexclude-file': 'backup.iexclude-file = ["/etc/excludes"]',
  'exclude-caches': 'backup.exclude-caches = true',
  'exclude-if-present': 'backup.exclude-if-present = [".nobackup"]',
  'exclude-larger-than': 'backup.exclude-larger-than = "1GB"',
  'one-file-system': 'backup.one-file-system = true',
  weight: 'backup.weights = { "/home" = 1 }',
  host: 'backup.host = "box"',
  tag: 'backup.tags = ["a"]',
  code: 'backup.code = "2-of-3"',
  'allow-few': 'backup.allow-few = true',
  checkpoint: 'backup.checkpoint = 10',
  priority: 'backup.priority = "normal"',
  spool: 'backup.spool = "/var/tmp"',
  'spool-limit': 'backup.spool-limit = "1GB"',
  'limit-upload': 'network.limit-upload = "1MB"',
  adapter: 'adapters.sqlite = false',
  'as-is': 'adapters.except = ["/srv/images"]',
  before: 'hooks.before = "true"',
  after: 'hooks.after = "true"',
  failed: 'hooks.failed = "true"',
  finally: 'hooks.finally = "true"',
}

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-config-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the options of backup, scan and upload', () => {
  it('each have a key in config.toml, but for those of one run', () => {
    const commands = [backupCommand, scanCommand, uploadCommand].map((make) => make(context()))
    const options = commands.flatMap((command) => command.options.map(({ long }) => long?.slice(2)))
    expect(new Set([...options, 'help'])).toEqual(new Set([...Object.keys(KEYS), ...OF_ONE_RUN]))
    for (const line of Object.values(KEYS)) expect(() => configOf(line)).not.toThrow()
  })

  it('go before config.toml, and that before what is built in', () => {
    const lines = [
      'backup.checkpoint = 10',
      'backup.spool-limit = "1MiB"',
      'backup.allow-few = true',
      'backup.code = "2-of-3"',
    ]
    const builtIn = { checkpointMs: 1_800_000, allowFew: false }
    expect(uploadOf([])).toMatchObject(builtIn)
    expect(uploadOf([])).not.toHaveProperty('copySizeMax')
    expect(uploadOf([], ...lines)).toMatchObject({
      checkpointMs: 600_000,
      copySizeMax: MIB,
      allowFew: true,
      code: { needed: 2, total: 3 },
    })
    const flags = ['--checkpoint', '1', '--spool-limit', '2MiB', '--code', '1-of-2']
    expect(uploadOf(flags, ...lines)).toMatchObject({
      checkpointMs: 60_000,
      copySizeMax: 2 * MIB,
      code: { needed: 1, total: 2 },
    })
    expect(uploadOf([], 'backup.checkpoint = 0')).not.toHaveProperty('checkpointMs')
    expect(uploadOf(['--checkpoint', '0'])).not.toHaveProperty('checkpointMs')
  })

  it('join what config.toml leaves out', () => {
    const file = join(folder, 'patterns')
    writeFileSync(file, '*.bak\n')
    const command = withSourceOptions(new Command())
    command.parse(['--exclude', '*.o'], { from: 'user' })
    const home = findHome({ CAIRN_HOME: folder }, folder)
    const config = configOf(`backup.iexclude-file = ["${file}"]`)
    const options = command.opts<SourceOptions>()
    const { rules } = readSources(context(), { config, home }, ['/home'], options)
    const { patterns } = rules
    expect(patterns.map(({ isCaseIgnored, text }) => [isCaseIgnored, text])).toEqual([
      [true, '*.bak'],
      [false, '*.o'],
    ])
  })

  it.each([
    ['backup.checkpoint = -1', 'backup.checkpoint'],
    ['backup.checkpoint = 10081', 'backup.checkpoint'],
    ['backup.spool = "tmp"', 'backup.spool: is not an absolute path'],
    ['backup.spool-limit = "much"', 'backup.spool-limit: is no size'],
    ['backup.iexclude-file = ["x"]', 'backup.iexclude-file.0: is not an absolute path'],
    ['adapters.copy-limit = "much"', 'adapters.copy-limit: is no size'],
    ['adapters.busy-seconds = -1', 'adapters.busy-seconds'],
  ])('are refused in config.toml where they make no sense: %s', (line, named) => {
    expect(() => configOf(line)).toThrow(named)
  })
})

describe('what config.toml says of this machine', () => {
  it('is where files that do not hold still are copied, unless a flag says it', async () => {
    const [there, elsewhere] = [join(folder, 'there'), join(folder, 'elsewhere')]
    const config = configOf(`backup.spool = "${there}"`)
    await withPorts(config, {}, async ({ files }) => (await files.scratch()).close())
    expect([existsSync(there), existsSync(elsewhere)]).toEqual([true, false])
    rmSync(there, { recursive: true })
    const flag = { copies: elsewhere }
    await withPorts(config, flag, async ({ files }) => (await files.scratch()).close())
    expect([existsSync(there), existsSync(elsewhere)]).toEqual([false, true])
  })

  it('is how large a database is copied, and how long a writer is waited for', async () => {
    const path = join(folder, 'shop.db')
    const database = new DatabaseSync(path)
    database.exec('CREATE TABLE t (n); INSERT INTO t VALUES (zeroblob(100000))')
    const copied = (line: string) =>
      withPorts(configOf(line), {}, async ({ databaseCopies }) => {
        const copy = await databaseCopies?.copy(Buffer.from(path), new AbortController().signal)
        await copy?.close()
      })
    await expect(copied('adapters.copy-limit = "50kB"')).rejects.toThrow(
      'larger than the 50000 allowed',
    )
    await copied('adapters.copy-limit = "1MB"')
    database.exec('BEGIN EXCLUSIVE')
    await expect(copied('adapters.busy-seconds = 0')).rejects.toThrow('in use')
    database.close()
  })
})

function configOf(...lines: readonly string[]): Config {
  const file = join(folder, 'config.toml')
  writeFileSync(file, `${lines.join('\n')}\n`)
  return readConfig(file)
}

function uploadOf(flags: readonly string[], ...lines: readonly string[]) {
  const command = withUploadOptions(new Command())
  command.parse(flags, { from: 'user' })
  return readUpload(context(), configOf(...lines), command.opts<UploadOptions>())
}

async function withPorts(
  config: Config,
  options: Parameters<typeof openPorts>[2],
  use: (ports: Awaited<ReturnType<typeof openPorts>>) => Promise<unknown>,
): Promise<void> {
  const home = findHome({ CAIRN_HOME: join(folder, 'home') }, folder)
  const ports = await openPorts(home, config, options)
  try {
    await use(ports)
  } finally {
    await ports.close()
  }
}

function context(): Context {
  const [stdout, stderr] = [new Collector(), new Collector()]
  const { signal } = new AbortController()
  return { env: {}, workingFolder: folder, stdout, stderr, signal, now: () => 0, exit: EXIT.ok }
}
