import { NodeClock } from '../../src/adapters/node-clock.ts'
import { clockSuite } from '../ports/clock.suite.ts'

clockSuite('NodeClock', () => ({ clock: new NodeClock() }))
