/**
 * Compile cache: machine code and stripped types of our modules, kept between runs by Node.
 *
 * It halves the processor time that a command takes to start. Whoever can write into it can make us
 * run anything, so it lies in a folder that is ours alone, or there is none. Without it everything
 * works, slower. Reasons and figures: docs/adr/0030-fast-start.md
 */

import { lstatSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import envPaths from 'env-paths'
import { makePrivateFolder } from './home.ts'

const OTHERS = 0o077

/**
 * Use the cache from now on, here and in the threads and peers that we start.
 *
 * `NODE_COMPILE_CACHE` names another folder, `NODE_DISABLE_COMPILE_CACHE=1` means none; both are Node's
 * own.
 *
 * @param env - this process's environment; threads and child processes read the folder from it
 */
export function keepCompiledCode(env: NodeJS.ProcessEnv): void {
  if (env['NODE_COMPILE_CACHE'] || env['NODE_DISABLE_COMPILE_CACHE']) return
  const folder = join(envPaths('cairn', { suffix: '' }).cache, 'compiled')
  if (!isOursAlone(folder)) return
  const { directory } = enableCompileCache(folder)
  if (directory !== undefined) env['NODE_COMPILE_CACHE'] = folder
}

/** Make the folder if need be. @returns whether nobody else can write there or lead us elsewhere */
export function isOursAlone(folder: string): boolean {
  try {
    makePrivateFolder(folder)
    const status = lstatSync(folder)
    if (!status.isDirectory()) return false
    // On Windows a profile's folders are its owner's by inheritance, and modes say nothing.
    if (process.getuid === undefined) return true
    return status.uid === process.getuid() && (status.mode & OTHERS) === 0
  } catch {
    // No home, or one that takes nothing: the next run compiles again.
    return false
  }
}
