/**
 * Thief: has a copy of the laptop's disk, with the keys that lie there, and means to destroy the backup.
 *
 * It uses the product's own client: an empty home is backed up, all else is forgotten, and all that nothing needs any
 * more is released. That is an empty head and a release of everything, as well signed as any.
 */

import { codecs } from '../src/codec/codecs.ts'
import { CairnError } from '../src/base/errors.ts'
import { Client } from '../src/node/client.ts'
import { toBytes } from './file-tree.ts'
import type { Machine, MachinePorts, SavedState } from './machine.ts'
import type { World } from './world.ts'

const FOLDER = '/home/ada'

export class Thief {
  readonly #machine: Machine

  /** @param stolen - of the laptop */
  constructor(world: World, name: string, stolen: SavedState) {
    this.#machine = world.addMachine(name)
    this.#machine.crash('kill')
    this.#machine.returnTo(stolen)
    this.#machine.boot()
    for (const folder of ['/home', FOLDER]) {
      this.#machine.tree.make(toBytes(folder), 'folder', 0o755)
    }
  }

  /** @returns bytes of packs that are released; or how the friends, or the program, refuse */
  async destroy(): Promise<number | CairnError> {
    try {
      return await this.#machine.run((ports, signal) => destroyAll(ports, signal))
    } catch (error) {
      if (error instanceof CairnError) return error
      throw error
    }
  }
}

async function destroyAll(ports: MachinePorts, signal: AbortSignal): Promise<number> {
  const client = await Client.open({ ...ports, compute: ports.compute(codecs) }, signal)
  try {
    await client.backup({ paths: [toBytes(FOLDER)], host: 'laptop' }, signal)
    await client.forget({ policy: { last: 1 }, isDryRun: false }, signal)
    const { released } = await client.gc({ isDryRun: false, isCancel: false }, signal)
    return released.bytes
  } finally {
    await client.close()
  }
}
