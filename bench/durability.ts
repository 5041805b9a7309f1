/**
 * How fast the durability engine is, and what memory it takes: many small packs by the model of the closed
 * forms, then a large net by the product's own clocks.
 *
 *     node --disable-warning=ExperimentalWarning bench/durability.ts [peers] [years] [shares per peer]
 */

import process from 'node:process'
import { Engine } from '../src/durability/engine.ts'
import { flat, peerOf } from '../src/durability/kinds.ts'
import { alike, YEAR_DAYS, type World } from '../src/durability/world.ts'

const [peers = 10_000, years = 10, sharesPerPeer = 1_000] = process.argv.slice(2).map(Number)

for (const lifetime of [1, 3]) smallPacks(lifetime)
largeNet()

/** A share for each node, 4 of 10, repaired 14 days after each loss. */
function smallPacks(lifetime: number): void {
  const code = { needed: 4, total: 10 }
  const nodes = 10_000
  const engine = new Engine({
    peers: alike(nodes, {
      rhythm: { hours: flat(1), zone: 0, luckHours: 24 },
      absences: [],
      giveUpDays: 21,
    }),
    code,
    packs: nodes / code.total,
    placement: 'own',
    lifetimes: [{ mean: lifetime * YEAR_DAYS, shape: 1 }],
    repairing: { type: 'drawn', threshold: code.total - 1, meanDays: 14 },
    replacedDays: 0,
    isRenewed: true,
    years: 500,
    seed: 1,
  })
  for (let run = 1; run <= 3; run += 1) {
    const seconds = secondsOf(() => engine.run(run))
    const nodeYears = nodes * 500
    console.log(
      `one share a node, lifetime ${lifetime} y, run ${run}: ${million(nodeYears)} M node-years, ` +
        `${million(engine.events)} M events in ${seconds.toFixed(2)} s of processor time: ` +
        `${million(nodeYears / seconds)} M node-years a second`,
    )
  }
}

/** Three machines in ten always on, 3 of 8, friends stay for three years and are replaced. */
function largeNet(): void {
  const code = { needed: 3, total: 8 }
  const world: World = {
    peers: Array.from({ length: peers }, (_, house) =>
      peerOf(house % 10 < 3 ? 'nas' : 'laptop', house),
    ),
    code,
    packs: Math.floor((peers * sharesPerPeer) / code.total),
    placement: 'drawn',
    lifetimes: [{ mean: 3 * YEAR_DAYS, shape: 1 }],
    repairing: { type: 'clocks', checkDays: 1, packsPerCheck: Infinity },
    replacedDays: 30,
    isRenewed: false,
    years,
    seed: 1,
  }
  let engine: Engine | undefined
  const seconds = secondsOf(() => {
    engine = new Engine(world)
    engine.run(1)
  })
  console.log(
    `${peers} peers, ${years} years, ${sharesPerPeer} packs a peer (${world.packs} packs): ` +
      `${engine?.housesLeft} friends left, ${million(engine?.sharesMade ?? 0)} M shares made again, ` +
      `${engine?.losses} packs lost in ${seconds.toFixed(1)} s of processor time, ` +
      `${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`,
  )
}

function secondsOf(work: () => void): number {
  const cpu = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(cpu)
  return (user + system) / 1e6
}

function million(count: number): string {
  return (count / 1e6).toFixed(1)
}
