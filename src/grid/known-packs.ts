/** Known packs: where packs were found, and their manifests, as far as memory goes. */

import type { PackId } from '../../protocol/manifest.ts'
import type { PackLocation } from './locate-packs.ts'

/** Locations kept in memory: about a kilobyte each. */
const LOCATIONS_MAX = 8192

export class KnownPacks {
  /** Manifests outlive no location, but may be known before one is. */
  readonly manifests = new Map<PackId, Uint8Array>()
  readonly #locations = new Map<PackId, PackLocation>()

  get(pack: PackId): PackLocation | undefined {
    return this.#locations.get(pack)
  }

  /** Whether enough shares were found to read the pack. */
  isReadable(pack: PackId): boolean {
    const location = this.get(pack)
    return location !== undefined && location.holders.size >= location.manifest.needed
  }

  remember(location: PackLocation): void {
    for (const map of [this.#locations, this.manifests]) map.delete(location.id)
    this.#locations.set(location.id, location)
    this.manifests.set(location.id, location.manifestBytes)
    for (const map of [this.#locations, this.manifests]) {
      const [oldest] = map.size > LOCATIONS_MAX ? map.keys() : []
      if (oldest !== undefined) map.delete(oldest)
    }
  }
}
