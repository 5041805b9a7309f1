import { describe, expect, it } from 'vitest'
import { InterruptedError } from '../../src/adapters/shutdown-signal.ts'
import { UsageError } from '../../src/base/errors.ts'
import { Output } from '../../src/cli/output.ts'
import { Collector } from './collector.ts'

describe('output for people', () => {
  it('has data on stdout and messages on stderr', () => {
    const { output, stdout, stderr } = make()
    output.data('snapshot 1 saved')
    output.json({ message_type: 'summary' })
    output.say('joined')
    output.warn('odd')
    expect(stdout.text).toBe('snapshot 1 saved\n')
    expect(stderr.text).toBe('joined\nwarning: odd\n')
  })

  it('tells an error in words, without a stack', () => {
    const { output, stderr } = make()
    output.failed(new UsageError('no such snapshot: 9'))
    expect(stderr.text).toBe('cairn: no such snapshot: 9\n')
    output.failed(new TypeError('x is not a function'))
    expect(stderr.text).toContain('TypeError: x is not a function')
    expect(stderr.text).toContain('CAIRN_DEBUG=1')
    expect(stderr.text).not.toContain('    at ')
  })

  it('shows stacks and causes when debugging', () => {
    const { output, stderr } = make({ isJson: false, showStack: true })
    output.failed(new UsageError('outer', { cause: new Error('inner') }))
    expect(stderr.text).toContain('    at ')
    expect(stderr.text).toContain('caused by Error: inner')
  })

  it('lets no error message command the terminal', () => {
    const { output, stderr } = make()
    output.failed(new UsageError('bad name \u001b[2J'))
    expect(stderr.text).toBe('cairn: bad name \\x1b[2J\n')
  })
})

describe('output as JSON', () => {
  it('has one object a line on stdout and no text', () => {
    const { output, stdout, stderr } = make({ isJson: true })
    output.data('text')
    output.say('text')
    output.json({ message_type: 'node', inode: 12n, path: 'a\nb' })
    expect(stdout.records).toEqual([{ message_type: 'node', inode: 12, path: 'a\nb' }])
    expect(stderr.text).toBe('')
  })

  it('has errors on stderr, the last with the exit code and what to do', () => {
    const { output, stdout, stderr } = make({ isJson: true })
    output.itemFailed('/a', new UsageError('unreadable'), { during: 'read', path: '/a' })
    output.failed(new UsageError('wrong'))
    expect(stdout.text).toBe('')
    expect(stderr.records).toEqual([
      {
        message_type: 'error',
        error: { name: 'UsageError', message: 'unreadable' },
        item: '/a',
        during: 'read',
        path: '/a',
      },
      { message_type: 'exit_error', code: 2, name: 'UsageError', message: 'wrong' },
    ])
  })

  it('says of an interruption that the same command goes on, or what else does', () => {
    const { output, stderr } = make()
    const stopped = new InterruptedError('SIGINT')
    output.failed(stopped)
    output.failed(stopped, 130, 'Wait with --wait.')
    expect(stderr.text.split('\n').filter((_, index) => index % 2 === 1)).toEqual([
      'Run the same command again: it resumes where this one stopped.',
      'Wait with --wait.',
    ])
  })
})

function make(options = { isJson: false } as { isJson: boolean; showStack?: boolean }) {
  const stdout = new Collector()
  const stderr = new Collector()
  return { output: new Output({ stdout, stderr }, options), stdout, stderr }
}
