import { defineConfig } from 'vitest/config'

/** What takes long by its nature, a run for every disk step or many seeds, is `npm run soak`. */
const SOAK = 'test/**/*.soak.test.ts'

export default defineConfig(({ mode }) => ({
  test: {
    include: mode === 'soak' ? [SOAK] : ['test/**/*.test.ts'],
    exclude: mode === 'soak' ? [] : [SOAK],
    globalSetup: ['test/e2e/build-program.ts'],
    pool: 'forks',
    // One more than the processors of a small machine: end-to-end tests mostly wait.
    maxWorkers: 3,
    // A process takes one file after another: a new one for each took a sixth of the time.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
}))
