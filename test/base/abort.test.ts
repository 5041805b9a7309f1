import { describe, expect, it } from 'vitest'

import { linkSignals, orAbort } from '../../src/base/abort.ts'

describe('linked signals', () => {
  it('abort with the reason of the first source that does', () => {
    const [first, second] = [new AbortController(), new AbortController()]
    const link = linkSignals(first.signal, undefined, second.signal)
    second.abort('second')
    first.abort('first')
    expect(link.signal.reason).toBe('second')
  })

  it('are aborted at once by a source that already is', () => {
    expect(linkSignals(AbortSignal.abort('before')).signal.reason).toBe('before')
  })

  it('do not hear sources any more once released, nor tell them anything', () => {
    const source = new AbortController()
    const link = linkSignals(source.signal)
    link.release()
    source.abort('late')
    expect(link.signal.aborted).toBe(false)
    const other = new AbortController()
    linkSignals(other.signal).abort('mine')
    expect(other.signal.aborted).toBe(false)
  })
})

describe('waiting for a promise or a signal', () => {
  it('ends with whichever comes first', async () => {
    const controller = new AbortController()
    expect(await orAbort(Promise.resolve(7), controller.signal)).toBe(7)
    const waiting = orAbort(new Promise(() => undefined), controller.signal)
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await expect(orAbort(Promise.reject(new Error('x')), controller.signal)).rejects.toBe(reason)
  })
})
