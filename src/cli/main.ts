/**
 * Main: what Node starts. It keeps compiled code between runs and then loads the program, in this
 * order, since only what is loaded afterwards comes from the cache.
 */

import { keepCompiledCode } from './compile-cache.ts'

keepCompiledCode(process.env)
await import('./own-process.ts')
