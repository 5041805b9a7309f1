import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DiskError, UsageError } from '../../src/base/errors.ts'
import { readConfig } from '../../src/cli/config.ts'
import { findHome, makePrivateFolder } from '../../src/cli/home.ts'
import { kitText, wordsInKit } from '../../src/cli/kit.ts'
import { REBUILD_POLICY } from '../../src/repair/policy.ts'
import { REPAIR_POLICY } from '../../src/repair/repair-policy.ts'
import { codeOption, countOption, parseCode, pathBytes, sizeOption } from '../../src/cli/options.ts'
import { readSecretFile, writeSecretFile } from '../../src/cli/secret-file.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-settings-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('home', () => {
  it('is one folder when CAIRN_HOME says so, resolved against where we are', () => {
    expect(findHome({ CAIRN_HOME: 'mine' }, '/work folder')).toEqual({
      data: '/work folder/mine',
      configFile: '/work folder/mine/config.toml',
      logFile: '/work folder/mine/cairn.log',
    })
  })

  it('refuses an empty CAIRN_HOME, which would be the working folder by accident', () => {
    expect(() => findHome({ CAIRN_HOME: '' }, '/')).toThrow(UsageError)
  })

  it('is the platform’s places otherwise', () => {
    const home = findHome({}, '/')
    expect(home.data).toMatch(/cairn$/)
    expect(home.configFile).toMatch(/cairn.*config\.toml$/)
  })
})

describe('config.toml', () => {
  it('need not exist', () => {
    expect(readConfig(join(folder, 'none.toml'))).toEqual({
      backup: {
        paths: [],
        tags: [],
        exclude: [],
        iexclude: [],
        'exclude-file': [],
        'iexclude-file': [],
        'exclude-caches': false,
        'exclude-if-present': [],
        'one-file-system': false,
        'stall-seconds': 60,
        'allow-few': false,
        checkpoint: 30,
        'max-age': 7 * 86_400_000,
        priority: 'low',
        weights: {},
      },
      adapters: { sqlite: true, zodb: true, except: [] },
      hooks: {},
      network: { mdns: true },
      log: { level: 'info' },
      rebuild: REBUILD_POLICY,
      repair: REPAIR_POLICY,
      retention: {},
    })
  })

  it('sets what backup leaves out', () => {
    const text =
      '[backup]\nexclude = ["*.o"]\nexclude-caches = true\nexclude-larger-than = "1GB"\none-file-system = true\n'
    expect(readConfig(written(text)).backup).toMatchObject({
      exclude: ['*.o'],
      'exclude-caches': true,
      'exclude-larger-than': 1_000_000_000,
      'one-file-system': true,
    })
  })

  it('sets what backup takes', () => {
    const text =
      '[backup]\npaths = ["/home/a"]\ncode = "4-of-7"\nhost = "box"\n[log]\nlevel = "debug"\n'
    expect(readConfig(written(text))).toMatchObject({
      backup: { paths: ['/home/a'], tags: [], code: '4-of-7', host: 'box' },
      network: { mdns: true },
      log: { level: 'debug' },
    })
  })

  it('sets whose databases have a safe moment, and what runs around a backup', () => {
    const text =
      '[adapters]\nzodb = false\nexcept = ["/srv/raw"]\n' +
      '[hooks]\nbefore = "mount /media/disk"\nfinally = "umount /media/disk"\n'
    expect(readConfig(written(text))).toMatchObject({
      adapters: { sqlite: true, zodb: false, except: ['/srv/raw'] },
      hooks: { before: 'mount /media/disk', finally: 'umount /media/disk' },
    })
  })

  it('sets when chains are rebuilt, and what stays at its default', () => {
    const text =
      '[rebuild]\nautomatic = false\nlength-max = 8\nfetch-ratio-max = 1.5\n' +
      'loss-ratio-max = 2\nshare-loss = "10%"\nbudget = "2GB"\n'
    expect(readConfig(written(text)).rebuild).toEqual({
      isAutomatic: false,
      lengthMax: 8,
      fetchRatioMax: 1.5,
      lossRatioMax: 2,
      shareLoss: 0.1,
      budget: 2_000_000_000,
    })
    expect(readConfig(written('[rebuild]\nshare-loss = 0.1\n')).rebuild).toEqual({
      ...REBUILD_POLICY,
      shareLoss: 0.1,
    })
  })

  it('sets whether backups repair, and how much that may move', () => {
    expect(readConfig(written('[repair]\nautomatic = false\nbudget = "100MB"\n')).repair).toEqual({
      ...REPAIR_POLICY,
      isAutomatic: false,
      budget: 100_000_000,
    })
  })

  it('sets what forget keeps', () => {
    const text =
      '[retention]\nkeep-last = 3\nkeep-daily = "unlimited"\nkeep-within = "1m"\n' +
      'keep-within-weekly = "1y"\nkeep-tag = ["a,b", "c"]\n'
    expect(readConfig(written(text)).retention).toEqual({
      last: 3,
      daily: -1,
      within: { years: 0, months: 1, days: 0, hours: 0 },
      withinWeekly: { years: 1, months: 0, days: 0, hours: 0 },
      tags: [['a', 'b'], ['c']],
    })
  })

  it.each([
    ['[retention]\nkeep-last = 1.5', 'retention.keep-last: is neither a whole number nor'],
    ['[retention]\nkeep-within = "3w"', 'retention.keep-within: is no duration'],
    ['[retention]\nkeep-forever = true', 'keep-forever'],
    ['[rebuild]\nshare-loss = "all"', 'rebuild.share-loss: is no share'],
    ['[rebuild]\nlength-max = 0', 'rebuild.length-max'],
    ['[repair]\nbudget = "some"', 'repair.budget: is no size'],
    ['[repair]\nautomatically = true', 'automatically'],
    ['[backup]\npath = []', 'path'],
    ['[backup]\npaths = ["relative"]', 'backup.paths.0'],
    ['[backup]\ncode = "7-of-4"', 'backup.code'],
    ['[backup\n', 'line 1'],
    ['[log]\nlevel = "loud"', 'log.level'],
  ])('names the file and what is wrong in %j', (text, named) => {
    const file = written(text)
    expect(() => readConfig(file)).toThrow(UsageError)
    expect(() => readConfig(file)).toThrow(file)
    expect(() => readConfig(file)).toThrow(named)
  })
})

describe('options', () => {
  it('read codes within their bounds', () => {
    expect(parseCode('4-of-7')).toEqual({ needed: 4, total: 7 })
    expect(parseCode('256-of-256')).toEqual({ needed: 256, total: 256 })
    for (const text of ['0-of-3', '4-of-3', '1-of-257', '4of7', '', '4-of-7x', '-1-of-7']) {
      expect(parseCode(text)).toBeUndefined()
      expect(() => codeOption(text)).toThrow('4-of-7')
    }
  })

  it('read counts and sizes within their bounds', () => {
    expect(countOption(1, 64)('64')).toBe(64)
    for (const text of ['0', '65', '1.5', 'x', '']) expect(() => countOption(1, 64)(text)).toThrow()
    expect(() => sizeOption('much')).toThrow('20GB')
  })

  it('make paths absolute, as bytes', () => {
    expect(Buffer.from(pathBytes('../b/c/', '/a/x')).toString()).toBe('/a/b/c')
    expect(Buffer.from(pathBytes('/', '/a')).toString()).toBe('/')
  })
})

describe('a secret file', () => {
  it('is readable by its owner alone, and whole', () => {
    const path = join(folder, 'kit.txt')
    writeSecretFile(path, 'words')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readFileSync(path, 'utf8')).toBe('words')
    expect(readSecretFile(path, 'the words')).toBe('words')
  })

  it('is never overwritten', () => {
    const path = written('precious')
    expect(() => writeSecretFile(path, 'new')).toThrow('never overwritten')
    expect(readFileSync(path, 'utf8')).toBe('precious')
  })

  it('that cannot be read is named, with the reason', () => {
    expect(() => readSecretFile(join(folder, 'none'), 'the invite')).toThrow(
      /the invite.*none.*no such/,
    )
    expect(() => readSecretFile(folder, 'the invite')).toThrow('it is a folder')
    expect(() => readSecretFile('/dev/zero', 'the invite')).toThrow('too large')
  })
})

describe('a recovery kit', () => {
  const words = Array.from({ length: 24 }, (_, index) => `word${index}`)

  it('explains itself, and its words come back out of it', () => {
    const text = kitText(words, { host: 'box', createdAt: 0 })
    expect(text).toContain('cairn recover')
    expect(wordsInKit(text).split(/\s+/)).toEqual(words)
  })

  it('may be retyped without the explanation', () => {
    expect(wordsInKit(`  ${words.join(' ')}\r\n`).split(/\s+/)).toEqual(words)
  })
})

function written(text: string): string {
  const file = join(folder, 'config.toml')
  writeFileSync(file, text)
  chmodSync(file, 0o600)
  return file
}

describe('a private folder', () => {
  it('is made with those above it, for its owner alone', () => {
    const path = join(folder, 'a', 'b')
    makePrivateFolder(path)
    makePrivateFolder(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
  })

  it('that cannot be made is named, with the reason', () => {
    const file = written('')
    expect(() => makePrivateFolder(join(file, 'below'))).toThrow(DiskError)
    expect(() => makePrivateFolder(join(file, 'below'))).toThrow(/below: ENOTDIR/)
    if (process.platform === 'linux')
      expect(() => makePrivateFolder('/proc/x/y')).toThrow(DiskError)
  })
})
