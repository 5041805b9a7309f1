/**
 * Main: what Node starts. It keeps compiled code between runs and then loads the program, in this
 * order, since only what is loaded afterwards comes from the cache.
 */

import { keepCompiledCode } from './compile-cache.ts'

keepCompiledCode(process.env)
// Nobody waits here: bundled, this module may lie in one file with some that the command loads later,
// and they would wait for it.
void import('./own-process.ts').then(({ runOwnProcess }) => runOwnProcess())
