/**
 * Kinds at play: what the friends of a plan are beside their machines, from morning to morning.
 */

import type { Friend } from './grid.ts'
import type { Guise, KeptShare, KindPeer, PeerKind } from './kind.ts'
import type { SavedState } from './machine.ts'
import { PEER_KINDS } from './peer-kinds.ts'
import { AWAKE_MS, type PlanPeer } from './plan.ts'
import type { Stage } from './plan-stage.ts'
import type { VolumeFile } from './volume.ts'

const LEAF_SIZE = 16_384
const SHARE = /^shares\/.*\.share$/

export class Kinds {
  readonly #stage: Stage
  readonly #images = new Map<string, SavedState>()
  /** Days on which who has an outage is back. */
  readonly #back = new Map<string, number>()
  readonly #seen = new WeakSet<VolumeFile>()

  constructor(stage: Stage) {
    this.#stage = stage
  }

  /** Peers live this day as their kinds do. */
  wakeUp(day: number): void {
    for (const [name, until] of this.#back) {
      if (day >= until && this.#back.delete(name)) this.#stage.switchOn(name, 'outage')
    }
    for (const peer of this.#stage.plan.peers)
      this.#kindOf(peer.name)?.wakeUp?.(this.#peer(peer, day))
  }

  guiseOf({ name, key }: Friend): Guise | undefined {
    const { world, friends } = this.#stage
    const random = world.random.fork(`guise of ${name}`)
    return this.#kindOf(name)?.guise?.({ random, key, grid: friends.grid })
  }

  /** Whether a friend keeps what it says, and gives it back. */
  isHonest(name: string): boolean {
    return this.#kindOf(name)?.isFalse !== true
  }

  #kindOf(name: string): PeerKind | undefined {
    const peer = this.#stage.plan.peers.find((one) => one.name === name)
    return peer === undefined ? undefined : PEER_KINDS[peer.kind]
  }

  #peer({ name }: PlanPeer, day: number): KindPeer {
    const stage = this.#stage
    const { random } = stage.world
    return {
      random: random.fork(`${name} on day ${day}`),
      day,
      awakeMs: AWAKE_MS,
      once: (draw) => draw(random.fork(`${name} as it is`)),
      switchOff: (ms) => stage.later(ms, () => stage.switchOff(name, 'rhythm')),
      switchOn: (ms) => stage.later(ms, () => stage.switchOn(name, 'rhythm')),
      goAway: (days) => this.#goAway(name, day + days),
      announceLeave: () => this.#announceLeave(name),
      leave: () => stage.lose(name),
      takeImage: () => this.#useImage(name, 'take'),
      returnToImage: () => this.#useImage(name, 'return'),
      shares: () => this.#newShares(name),
    }
  }

  #goAway(name: string, until: number): void {
    if (this.#stage.friend(name)?.isLost !== false) return
    this.#stage.say(`${name} has an outage of some days`)
    this.#back.set(name, until)
    this.#stage.switchOff(name, 'outage', 'power')
  }

  #announceLeave(name: string): void {
    const node = this.#stage.friend(name)?.node
    if (node === undefined || this.#stage.machine(name)?.isUp !== true) return
    const { spreader, roster } = node
    const subject = node.peer
    const issuedAt = roster.newsTime('presence', subject)
    const statement = spreader.sign({ type: 'presence', subject, issuedAt, isLeaving: true })
    // Whoever it does not reach hears of it from the others.
    spreader.say([statement], new AbortController().signal).catch(() => undefined)
    this.#stage.say(`${name} says that it leaves`)
    this.#stage.note('a friend who leaves said so before')
  }

  #useImage(name: string, how: 'take' | 'return'): void {
    const friend = this.#stage.friend(name)
    const image = this.#images.get(name)
    if (friend?.isLost !== false || (how === 'return' && image === undefined)) return
    const { machine } = friend
    const wasUp = machine.isUp
    machine.crash('kill')
    if (how === 'take') this.#images.set(name, machine.saveState())
    else if (image !== undefined) {
      this.#stage.say(`${name} comes back from an old image of its disk`)
      machine.returnTo(image)
    }
    if (wasUp) this.#stage.friends.start(friend)
  }

  #newShares(name: string): KeptShare[] {
    const volume = this.#stage.machine(name)?.volume
    const files = volume?.files().filter(({ path }) => SHARE.test(path)) ?? []
    return files.flatMap(({ path, file }) => {
      if (this.#seen.has(file)) return []
      this.#seen.add(file)
      const cut = path.lastIndexOf('/')
      const folder = volume?.folder(path.slice(0, cut))
      const drop = (): void => {
        if (folder !== undefined) volume?.change(folder, path.slice(cut + 1), undefined)
      }
      const blank = (part: number): void => file.blank(Math.floor(part * file.size), LEAF_SIZE)
      return [{ drop, blank }]
    })
  }
}
