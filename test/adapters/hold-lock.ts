/** Takes the lock of a home, says so to its parent, and holds it until killed. */

import { HomeLock } from '../../src/adapters/home-lock.ts'

const [home, access] = process.argv.slice(2)
if (home === undefined || (access !== 'read' && access !== 'write')) throw new Error('no task')
const lock = HomeLock.take(home, access)
process.on('disconnect', () => lock.release())
process.send?.('held')
