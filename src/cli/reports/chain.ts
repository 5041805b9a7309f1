/**
 * A chain in figures: what the newest version costs to restore, and how likely it can be.
 */

import type { ChainFacts } from '../../repair/chain-facts.ts'
import { formatBytes, formatChance, formatItems } from '../format.ts'

export function chainFields(chain: ChainFacts) {
  return {
    length: chain.length,
    size: chain.size,
    fetch_size: chain.fetchSize,
    stored_size: chain.storedSize,
    probability: 1 - chain.loss,
    // A probability near 1 has no room for what matters of it.
    loss_probability: chain.loss,
    original_loss_probability: chain.lossOfOriginal,
    share_loss: chain.shareLoss,
    is_share_loss_measured: chain.isMeasured,
  }
}

export function chainLines(chain: ChainFacts): string[] {
  const shares = `${Number((chain.shareLoss * 100).toPrecision(3))} % of shares lost`
  return [
    `chain     ${formatItems(chain.length, 'delta')} from the original to the newest version`,
    `restore   ${formatBytes(chain.fetchSize)} to fetch for ${formatBytes(chain.size)}`,
    `stored    ${formatBytes(chain.storedSize)} for all versions`,
    `chance    ${formatChance(chain.loss)} that the newest can be restored, ` +
      `${formatChance(chain.lossOfOriginal)} for its original alone`,
    `          with ${shares} (${chain.isMeasured ? 'measured' : 'assumed'})`,
  ]
}
