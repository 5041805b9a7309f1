/** The simulated ports keep the promises of their ports. */

import { SimClock } from '../../sim/clock.ts'
import { SimCompute } from '../../sim/compute.ts'
import { toBytes } from '../../sim/file-tree.ts'
import { SimRandom } from '../../sim/random.ts'
import type { Machine } from '../../sim/machine.ts'
import type { Network } from '../../src/ports/network.ts'
import { World } from '../../sim/world.ts'
import { clockSuite } from '../ports/clock.suite.ts'
import { computeSuite } from '../ports/compute.suite.ts'
import { diskSuite } from '../ports/disk.suite.ts'
import { filesSuite } from '../ports/files.suite.ts'
import { logSuite } from '../ports/log.suite.ts'
import { networkSuite } from '../ports/network.suite.ts'
import { randomSuite } from '../ports/random.suite.ts'
import { scanSuite } from '../ports/scan.suite.ts'
import { codecs } from '../ports/toy-codecs.ts'

let seed = 0

clockSuite('SimClock', () => {
  const { machine, run } = makeMachine()
  return { clock: machine.ports.clock, run }
})

clockSuite('SimClock, fast and wrong,', () => {
  const { world, machine, run } = makeMachine()
  const error = { offset: -9_999_999, rate: 1.01 }
  const clock = new SimClock(world.scheduler, machine.life, new SimRandom(1), error)
  return { clock, run }
})

randomSuite('SimRandom', () => new SimRandom(42))

computeSuite('SimCompute', () => {
  const { machine, run } = makeMachine()
  return { compute: new SimCompute(codecs, machine.life, new SimRandom(1)), run }
})

diskSuite('SimDisk', () => {
  const { machine, run } = makeMachine()
  return {
    disk: machine.ports.disk,
    reopen: () => {
      machine.crash('power')
      machine.boot()
      return machine.ports.disk
    },
    run,
  }
})

const makeFilesWorld = () => {
  const { machine, run } = makeMachine()
  machine.tree.make(toBytes('/home'), 'folder', 0o755)
  return { files: machine.ports.files, root: toBytes('/home'), isNanosecondExact: true, run }
}

filesSuite('SimFiles', makeFilesWorld)
scanSuite('SimFiles', makeFilesWorld)

logSuite('SimLog', () => {
  const { log } = makeMachine().machine.ports
  return { log, lines: () => log.events }
})

networkSuite('SimNetwork', () => {
  const world = new World(++seed)
  const nodes: Network[] = []
  return {
    makeNode: async () => {
      const machine = world.addMachine(`node ${nodes.length}`)
      const node = await machine.ports.network(world.random.fork(machine.name).bytes(32))
      nodes.push(node)
      return node
    },
    deadAddress: '/ip4/10.9.9.9/tcp/9',
    dispose: () =>
      world.run(async () => {
        for (const node of nodes) await node.close()
        await world.scheduler.sleep(1000) // until the others have heard of it
      }),
    run: (story) => world.run(story),
  }
})

function makeMachine(): {
  world: World
  machine: Machine
  run: (story: () => Promise<void>) => Promise<void>
} {
  const world = new World(++seed)
  const machine = world.addMachine('machine')
  // A power cut is the machine's affair; the story goes on beside it.
  return { world, machine, run: (story) => world.run(story) }
}
