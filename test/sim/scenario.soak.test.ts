/** More whole vaults among friends than `npm test` has time for. */

import { describe } from 'vitest'
import { scenarioSeeds } from '../support/scenario-seeds.ts'

describe('a vault among friends', () => {
  scenarioSeeds(7, 30)
})
