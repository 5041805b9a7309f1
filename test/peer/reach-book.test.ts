import { describe, expect, it } from 'vitest'

import { isHome } from '../../src/peer/reach-book.ts'

describe('an address', () => {
  it.each([
    '/ip4/127.0.0.1',
    '/ip4/10.1.2.3',
    '/ip4/172.31.0.1',
    '/ip4/192.168.1.1',
    '/ip4/169.254.1.1',
    '/ip4/100.127.0.1',
    '/ip4/0.0.0.0',
    '/ip4/239.255.255.250',
    '/ip4/255.255.255.255',
    '/ip4/010.0.0.1',
    '/ip6/::1',
    '/ip6/::',
    '/ip6/0:0:0:0:0:0:0:1',
    '/ip6/0000::1',
    '/ip6/::ffff:192.168.1.1',
    '/ip6/0:0:0:0:0:ffff:c0a8:0101',
    '/ip6/::c0a8:101',
    '/ip6/64:ff9b::c0a8:101',
    '/ip6/2002:c0a8:101::1',
    '/ip6/fd00::1',
    '/ip6/FE80::1',
    '/ip6/fe80::1%eth0',
    '/ip6/ff02::1',
    '/ip6zone/eth0/ip6/fe80::1',
  ])('is of a home in whatever form it is written: %s', (address) => {
    expect(isHome(`${address}/tcp/22`)).toBe(true)
  })

  it.each([
    '/ip4/8.8.8.8',
    '/ip4/172.32.0.1',
    '/ip4/100.128.0.1',
    '/ip4/192.0.2.1',
    '/ip6/2001:db8::1',
    '/ip6/2A00:1450::1',
    '/dns4/example.net',
  ])('may be of outside: %s', (address) => {
    expect(isHome(`${address}/tcp/4001`)).toBe(false)
  })
})
