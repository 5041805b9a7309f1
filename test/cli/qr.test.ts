import { decodeQR } from 'qr/decode.js'
import { describe, expect, it } from 'vitest'
import { decodeInviteCode, encodeInviteCode, type InviteCode } from '../../protocol/invite-code.ts'
import { qrLines } from '../../src/cli/qr.ts'
import { DAY, founder, grid, START } from '../protocol/people.ts'

const code: InviteCode = {
  grid,
  inviter: founder.peer,
  id: new Uint8Array(16).fill(1),
  secret: new Uint8Array(16).fill(2),
  expiresAt: START + DAY,
  addresses: ['/ip4/192.168.1.20/tcp/4280', '/ip4/203.0.113.7/tcp/4280'],
}

describe('a QR code', () => {
  it('of an invite fits a terminal of 80 columns and 40 lines', () => {
    const lines = qrLines(encodeInviteCode(code), { isTerminal: false })
    expect(lines.length).toBeLessThanOrEqual(40)
    expect(lines[0]?.length).toBeLessThanOrEqual(80)
    expect(new Set(lines.map((line) => line.length)).size).toBe(1)
  })

  it('is read back as the invite', () => {
    const text = encodeInviteCode(code)
    const lines = qrLines(text, { isTerminal: false })
    const read = decodeQR(picture(lines))
    expect(decodeInviteCode(read)).toEqual(code)
  })

  it('on a terminal sets its own colours', () => {
    for (const line of qrLines('cairn:join:1abc', { isTerminal: true })) {
      expect(line.startsWith('\u001b[40;97m')).toBe(true)
      expect(line.endsWith('\u001b[0m')).toBe(true)
    }
  })
})

/** What a camera sees of it: eight points for each module. */
function picture(lines: readonly string[]): { width: number; height: number; data: Uint8Array } {
  const scale = 8
  const rows = lines.flatMap((line) => [
    line.split('').map((letter) => letter === '▀' || letter === '█'),
    line.split('').map((letter) => letter === '▄' || letter === '█'),
  ])
  const [width, height] = [scale * (rows[0]?.length ?? 0), scale * rows.length]
  const data = new Uint8Array(4 * width * height)
  for (let at = 0; at < width * height; at += 1) {
    const isLight =
      rows[Math.floor(Math.floor(at / width) / scale)]?.[Math.floor((at % width) / scale)]
    data.fill(isLight === true ? 255 : 0, 4 * at, 4 * at + 3)
    data[4 * at + 3] = 255
  }
  return { width, height, data }
}
