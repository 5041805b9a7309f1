import { describe, expect, it } from 'vitest'

import { vaultIdFromBytes } from '../../protocol/ids.ts'
import { describeHelp } from '../../src/cli/reports/help.ts'
import { formatTime } from '../../src/cli/format.ts'
import type { HelpOutcome, HelpReport } from '../../src/node/help-reports.ts'

const vault = vaultIdFromBytes(new Uint8Array(32).fill(0x3f))
const at = 1_795_000_000_000

const outcome: HelpOutcome = {
  type: 'helped',
  sequence: 112,
  renewed: 6,
  missed: 0,
  packs: 1204,
  verdicts: { whole: 1204 },
  placed: 0,
  bytesRead: 0,
  bytesSent: 0,
  dropped: 0,
  audited: 5,
  badShares: 0,
}

describe('what a helper did', () => {
  it('is told in one line: snapshot, friends, packs', () => {
    expect(line({ at, outcome })).toBe(
      `3f3f3f3f3f3f3f3f  ${formatTime(at)}  snapshot 112  kept alive at 6 peers  all 1,204 packs whole`,
    )
  })

  it('tells what was made again, what is missing, and what was found bad', () => {
    const worse = {
      ...outcome,
      missed: 2,
      verdicts: { whole: 1200, settling: 3, lost: 1 },
      placed: 17,
      bytesSent: 3 * 2 ** 20,
      badShares: 1,
      dropped: 2,
    }
    const words = line({ at, outcome: worse })
    expect(words).toContain('kept alive at 6 peers, 2 missed')
    expect(words).toContain('1,200 of 1,204 packs whole, 3 settling, 1 lost')
    expect(words).toContain('17 shares made again (3.0 MiB sent)')
    expect(words).toContain('3 shares found bad or gone')
  })

  it('says what to do where the cap is good no more, and where nobody answers', () => {
    expect(line({ at, outcome: { ...outcome, type: 'replaced' } })).toContain('ask for a new cap')
    expect(line({ at, outcome: { ...outcome, type: 'no-head' } })).toContain('nobody who answers')
  })

  it('shows trouble without letting it write lines of ours, and says when nothing was done yet', () => {
    expect(line({ at, trouble: 'bad\nnews' })).toContain('could not help: bad\\nnews')
    expect(line(undefined)).toContain('no round yet')
  })
})

function line(report: HelpReport | undefined): string {
  return describeHelp(vault, report)
}
