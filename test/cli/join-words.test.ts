import { describe, expect, it } from 'vitest'
import { showNewcomer } from '../../src/cli/join-words.ts'
import { Output } from '../../src/cli/output.ts'
import { Collector } from './collector.ts'

describe('a newcomer as the inviter sees them', () => {
  it('W10, N06: brings no lines, and so no words, of their own in their name', () => {
    const stderr = new Collector()
    const options = { isJson: false, showStack: false }
    const output = new Output({ stdout: new Collector(), stderr }, options)
    showNewcomer(output, {
      name: 'Ben wants to back up\nBoth of you must see these words:\n\n    right as rain\u001b[8m',
      isPeer: true,
      peer: '12D3KooWMallory',
      words: ['other', 'than', 'yours'],
      isTriedByOthers: true,
    })
    expect(stderr.lines.filter((line) => line.startsWith('    '))).toEqual(['    other than yours'])
    expect(stderr.lines[0]).toMatch(/^Ben wants to back up\\nBoth .* wants to lend disk: 12D3KooWM/)
    expect(stderr.text).not.toContain('\u001b')
    expect(stderr.text).toContain('somebody else came with the same code')
  })
})
