/**
 * The source tree as a test: who may know whom, who may touch the world, and what comes with what.
 *
 * The layers are the list of docs/architecture.md: a file imports from its own folder and from layers
 * above it in this list, never from below, and folders of one layer do not know each other.
 */

import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const LAYERS: readonly (readonly string[])[] = [
  ['protocol'],
  ['src/ports'],
  ['src/base'],
  ['src/codec'],
  ['src/grid', 'src/store'],
  ['src/history'],
  ['src/source'],
  ['src/backup', 'src/restore', 'src/repair', 'src/peer'],
  ['src/durability'],
  ['src/node'],
  ['src/adapters', 'sim'],
  ['src/cli', 'src/web'],
  ['bench'],
  ['test'],
]

/** Folders that may touch the world: files, sockets, time, chance, threads. */
const WORLDLY: readonly string[] = ['src/adapters', 'src/cli', 'src/web', 'sim', 'test', 'bench']

/** Packages only the layers named may import, for their values or their types. */
const PACKAGES: readonly { readonly name: RegExp; readonly layers: readonly string[] }[] = [
  {
    name: /^(libp2p|@libp2p\/.*|@chainsafe\/libp2p-.*|@multiformats\/multiaddr)$/,
    layers: ['src/adapters', 'test', 'bench'],
  },
  { name: /^pino$/, layers: ['src/adapters', 'test'] },
  { name: /^@noble\//, layers: ['protocol', 'src/codec', 'test', 'bench'] },
  { name: /^@scure\/bip39/, layers: ['protocol', 'test'] },
  {
    name: /^(commander|picocolors|cli-progress|env-paths|smol-toml|qr)(\/.*)?$/,
    layers: ['src/cli', 'sim', 'test'],
  },
  {
    name: /^(node:)?(fs|net|http|https|http2|dgram|dns|tls|os|timers|worker_threads|child_process|cluster|perf_hooks|readline|ffi|process|inspector|v8|vm)(\/.*)?$/,
    layers: WORLDLY,
  },
]

/** What a name in the code means, and why it is kept out of the layers that a seed must repeat. */
const WORLDLY_WORDS: readonly { readonly word: RegExp; readonly instead: string }[] = [
  { word: /\bDate\.now\b|\bnew Date\(\)/, instead: 'the Clock port' },
  { word: /\bperformance\.(now|mark|timeOrigin)\b/, instead: 'the Clock port' },
  { word: /\b(setTimeout|setInterval|setImmediate)\b/, instead: 'the Clock port' },
  { word: /\bAbortSignal\.timeout\b/, instead: 'base/deadline' },
  {
    word: /\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\brandomInt\b/,
    instead: 'the Random port',
  },
  { word: /\bgetRandomValues\b/, instead: 'the Random port' },
  { word: /\bwebcrypto\b|\bcrypto\.subtle\b/, instead: 'the synchronous node:crypto' },
  { word: /\bprocess\./, instead: 'a parameter' },
  { word: /\bconsole\./, instead: 'the Log port' },
]

const LINES_MAX = 450

describe('the source tree', () => {
  const modules = sources('{src,protocol,sim,test,bench}/**/*.ts')

  it('has every folder in a layer', () => {
    const strays = modules.filter(({ path }) => layerOf(path) === undefined)
    expect(strays.map(({ path }) => path)).toEqual([])
  })

  it('imports downwards only, and nothing from beside', () => {
    expect(modules.flatMap(wrongImports)).toEqual([])
  })

  it('imports modules that are there, by their full names', () => {
    const missing = modules.flatMap(({ path, imports }) =>
      imports
        .filter(({ from }) => from.startsWith('.') && !existsSync(targetOf(path, from)))
        .map(({ from }) => `${path} imports ${from}`),
    )
    expect(missing).toEqual([])
  })

  it('keeps each package to the layers that need it', () => {
    const wrong = modules.flatMap(({ path, imports }) =>
      imports.flatMap(({ from }) =>
        PACKAGES.filter(({ name, layers }) => name.test(from) && !isWithin(path, layers)).map(
          () => `${path} imports ${from}`,
        ),
      ),
    )
    expect(wrong).toEqual([])
  })

  it('is handed its databases open: below the adapters they are a type only', () => {
    const wrong = modules.filter(
      ({ path, imports }) =>
        !isWithin(path, WORLDLY) &&
        imports.some(({ from, isType }) => from === 'node:sqlite' && !isType),
    )
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('asks its ports for time, chance and the world', () => {
    const wrong = modules
      .filter(({ path }) => !isWithin(path, WORLDLY))
      .flatMap(({ path, code }) =>
        WORLDLY_WORDS.filter(({ word }) => word.test(code)).map(
          ({ word, instead }) => `${path} uses ${code.match(word)?.[0]}: use ${instead}`,
        ),
      )
    expect(wrong).toEqual([])
  })

  it('begins every module with what it is', () => {
    const silent = modules.filter(
      ({ path, text }) => !path.startsWith('test/') && !text.startsWith('/**'),
    )
    expect(silent.map(({ path }) => path)).toEqual([])
  })

  it(`has no module of more than ${LINES_MAX} lines`, () => {
    const long = sources('{src,protocol,sim,bench}/**/*.ts').filter(
      ({ text }) => text.split('\n').length > LINES_MAX,
    )
    expect(long.map(({ path }) => path)).toEqual([])
  })

  it('leaves nothing for later, and no test behind', () => {
    const marks = /\b(TODO|FIXME|XXX|HACK)\b|\b(describe|it|test)\.(only|skip|todo)\b/
    const wrong = modules.filter(
      ({ path, text }) => marks.test(text) && path !== 'test/tidy.test.ts',
    )
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('knows nothing of the machine it was written on', () => {
    const place = /(^|[\s'"`(=:])\/(work|workspace|mnt)\/|\.\.\/shared\//m
    const wrong = [...modules, ...sources('docs/**/*.md'), ...sources('*.{md,json}')].filter(
      ({ path, text }) => place.test(text) && path !== 'test/tidy.test.ts',
    )
    expect(wrong.map(({ path }) => path)).toEqual([])
  })
})

describe('formats', () => {
  it('have the page that their module names', () => {
    const named = sources('{protocol,src}/**/*.ts').flatMap(({ path, text }) =>
      [...text.matchAll(/docs\/[\w/.-]+\.md/g)].map(([page]) => ({ path, page })),
    )
    const missing = named.filter(({ page }) => !existsSync(join(ROOT, page)))
    expect(missing.map(({ path, page }) => `${path} names ${page}`)).toEqual([])
  })
})

describe('errors', () => {
  const classes = sources('{protocol,src}/**/*.ts').flatMap(({ path, text }) =>
    [...text.matchAll(/^export (?:abstract )?class (\w+Error) extends \w+ \{\n([^]*?)^\}/gm)].map(
      ([, name, body]) => ({ path, name: name ?? '', body: body ?? '' }),
    ),
  )

  it('say their own class name, which is their code', () => {
    const wrong = classes.filter(({ name, body }) => {
      if (name === 'CairnError') return false
      return !new RegExp(`override readonly name(: string)? = '${name}'`).test(body)
    })
    expect(wrong.map(({ path, name }) => `${path}: ${name}`)).toEqual([])
  })

  it('have names of their own', () => {
    const names = classes.map(({ name }) => name)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  it('have a row each in docs/errors.md', () => {
    const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')
    const rows = new Set([...page.matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name))
    const missing = classes.filter(({ name }) => name !== 'CairnError' && !rows.has(name))
    expect(missing.map(({ path, name }) => `${path}: ${name}`)).toEqual([])
  })

  it('have no row for what is no longer there', () => {
    const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')
    const names = new Set(classes.map(({ name }) => name))
    const rows = [...page.matchAll(/^\| `(\w+Error)` /gm)].map(([, name]) => name ?? '')
    expect(rows.filter((name) => !names.has(name))).toEqual([])
  })
})

interface Import {
  readonly from: string
  readonly isType: boolean
}

interface Source {
  /** From the root, with `/`. */
  readonly path: string
  readonly text: string
  /** The text without comments, and without what stands between quotes. */
  readonly code: string
  readonly imports: readonly Import[]
}

function sources(pattern: string): Source[] {
  const paths = globSync(pattern, { cwd: ROOT }).toSorted()
  return paths.map((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8')
    const bare = text.replaceAll(/\/\*[^]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
    const code = bare.replaceAll(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''")
    return { path, text, code, imports: importsOf(bare) }
  })
}

function importsOf(bare: string): Import[] {
  const statements = /^(?:import|export)\s(type\s)?(?:[^;'"]*?\sfrom\s)?['"]([^'"\n]+)['"]/gm
  const calls = /\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g
  return [
    ...[...bare.matchAll(statements)].map(([, type, from]) => ({
      from: from ?? '',
      isType: type !== undefined,
    })),
    ...[...bare.matchAll(calls)].map(([, from]) => ({ from: from ?? '', isType: false })),
  ]
}

function wrongImports({ path, imports }: Source): string[] {
  const from = layerOf(path)
  return imports.flatMap((each) => {
    if (!each.from.startsWith('.')) return []
    const target = relative(ROOT, targetOf(path, each.from))
    const to = layerOf(target)
    const isAllowed =
      from !== undefined &&
      to !== undefined &&
      (to.folder === from.folder || to.rank < from.rank) &&
      // What is published has neither the simulator nor the tests in it.
      !(path.startsWith('src/') && to.folder === 'sim')
    return isAllowed ? [] : [`${path} imports ${target}`]
  })
}

function layerOf(path: string): { rank: number; folder: string } | undefined {
  for (const [rank, folders] of LAYERS.entries()) {
    const folder = folders.find((each) => path.startsWith(`${each}/`))
    if (folder !== undefined) return { rank, folder }
  }
  return undefined
}

function isWithin(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path.startsWith(`${folder}/`))
}

function targetOf(path: string, from: string): string {
  return resolve(ROOT, dirname(path), from)
}
