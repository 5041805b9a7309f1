import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes long by its nature, a run for every disk step or many seeds, is `npm run soak`. */
const SOAK = 'test/**/*.soak.test.ts'

/** End-to-end tests come first: none is left to run alone at the end, also where no run before told their times. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- a method of its own, which makes a new array
    const sorted = await super.sort(files)
    const { first = [], later = [] } = Object.groupBy(sorted, ({ moduleId }) =>
      moduleId.includes('/test/e2e/') ? 'first' : 'later',
    )
    return [...first, ...later]
  }
}

export default defineConfig(({ mode }) => ({
  test: {
    include: mode === 'soak' ? [SOAK] : ['test/**/*.test.ts'],
    exclude: mode === 'soak' ? [] : [SOAK],
    globalSetup: ['test/e2e/build-program.ts'],
    sequence: { sequencer: LongestFirst },
    pool: 'forks',
    // One more than the processors of a small machine: end-to-end tests mostly wait.
    maxWorkers: 3,
    // A process takes one file after another, which must leave nothing behind: one for each takes a fifth longer.
    isolate: false,
    setupFiles: ['test/support/no-world-left.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
}))
