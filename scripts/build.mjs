/**
 * Build: `dist/`, the program as a package has it. Compiled to JavaScript and put together with what it
 * uses into a few files, since loading a thousand modules takes longer than most commands do.
 *
 * Program and threads keep their places (`dist/src/cli/main.js`), and modules that ask where they lie
 * are told the place they had, so they find each other as in a checkout.
 * Reasons and figures: docs/adr/0033-one-bundle.md
 */

import { globSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const DIST = join(ROOT, 'dist')

/** What Node starts by its path: the program, its threads, and what they load by name. */
const ENTRIES = [
  'src/cli/main.ts',
  'src/adapters/system-codecs.ts',
  ...globSync('src/**/*-worker.ts', { cwd: ROOT }),
]

/** Stands for the way from a file of `dist/` to `dist/`, until it is known which file that is. */
const UP = '%up%'

rmSync(DIST, { recursive: true, force: true })
const bundle = await rolldown({
  cwd: ROOT,
  platform: 'node',
  input: Object.fromEntries(ENTRIES.map((path) => [path.replace(/\.ts$/, ''), path])),
  plugins: [{ name: 'places', transform: keepPlace, renderChunk: fillInPlaces }],
})
const { output } = await bundle.write({
  dir: DIST,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'parts/[name]-[hash].js',
})
const modules = output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []))
writeFileSync(join(DIST, 'LICENSES.txt'), licensesOf(modules))

function keepPlace(code, id) {
  const path = relative(ROOT, id)
  if (!/^(src|protocol)\b/.test(path) || !code.includes('import.meta.url')) return undefined
  const place = UP + path.replace(/\.ts$/, '.js')
  return code.replaceAll('import.meta.url', `new URL('${place}', import.meta.url).href`)
}

function fillInPlaces(code, { fileName }) {
  return code.replaceAll(UP, '../'.repeat(fileName.split('/').length - 1) || './')
}

/** The terms of every package that is part of the bundle. */
function licensesOf(ids) {
  const folders = new Set(ids.map(packageOf).filter((folder) => folder !== undefined))
  const texts = [...folders]
    .toSorted((a, b) => a.localeCompare(b))
    .map((folder) => {
      const { name, version, license } = JSON.parse(
        readFileSync(join(folder, 'package.json'), 'utf8'),
      )
      const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
      const terms = files.map((file) => readFileSync(join(folder, file), 'utf8').trim())
      return [`${name} ${version}: ${license}`, ...terms].join('\n\n')
    })
  return `${texts.join(`\n\n${'-'.repeat(72)}\n\n`)}\n`
}

/** @returns the folder of the package that a module belongs to; `undefined` for our own */
function packageOf(id) {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0]
}
