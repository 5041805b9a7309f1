/** What happens where the random generator does not: the rows K04 and K05 of test/oracles/faults.csv. */

import { describe, expect, it } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { openHead } from '../../protocol/head.ts'
import { EntropyError } from '../../src/base/entropy.ts'
import { Client, createVault, recover } from '../../src/node/client.ts'
import { toBytes } from '../../sim/file-tree.ts'
import type { MachinePorts } from '../../sim/machine.ts'
import { peerIdOf } from '../../protocol/keys.ts'
import { startPeer } from '../../src/node/peer-node.ts'
import { clientPorts, HOME, noise, TestVault } from '../support/test-vault.ts'
import { forever, onMachine } from '../support/on-machine.ts'
import { TestGrid } from '../support/test-grid.ts'

const zeros = { bytes: (length: number) => new Uint8Array(length) }

describe('a machine whose random generator gives zeros', () => {
  it('K05: makes no vault, recovers none, opens none, and is no peer', async () => {
    await onMachine(async (ports, machine) => {
      const broken = { ...clientPorts(ports), random: zeros }
      await expect(createVault(broken)).rejects.toBeInstanceOf(EntropyError)
      const request = { words: 'any words', peer: '/ip4/10.0.0.9/tcp/1' }
      await expect(recover(broken, request, forever)).rejects.toBeInstanceOf(EntropyError)
      expect(machine.volume.files()).toEqual([])
      await createVault(clientPorts(ports))
      await expect(Client.open(broken, forever)).rejects.toBeInstanceOf(EntropyError)
    })
    const test = new TestGrid({ peers: 1 })
    await test.world.run(async () => {
      const { key, machine } = test.peers[0]!
      const network = await machine.ports.network(key.seed)
      const database = machine.ports.openDatabase('accounts')
      const parts = { ...machine.ports, network, database, random: zeros }
      const options = { key, grid: test.id, statements: [], capacity: 1, reserve: 0 }
      expect(peerIdOf(key.publicKey)).toBe(network.self)
      await expect(startPeer(parts, options, forever)).rejects.toBeInstanceOf(EntropyError)
      expect(machine.volume.files()).toEqual([])
    })
  })
})

describe('a machine whose random generator repeats itself', () => {
  it('K04: seals no two fields of heads with one nonce, and every snapshot opens', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      for (let round = 1; round <= 3; round += 1) {
        vault.write(`file ${round}`, noise(10_000, round))
        await vault.calm()
        await vault.laptop.run(async (ports, signal) => {
          const client = await Client.open(repeating(ports), signal)
          await client.backup({ paths: [toBytes(HOME)], host: 'laptop' }, signal)
          await client.close()
        })
      }
      const [friend] = vault.friends.all
      const heads = friend!.node!.headStore.heads(openedVault(vault), { all: true })
      expect(heads).toHaveLength(3)
      const opened = heads.map(({ head }) => openHead(head))
      const fields = opened.flatMap(({ root, ledger }) => [root, ledger])
      const nonces = fields.map((field) => toHex(field.subarray(0, 24)))
      expect(new Set(nonces).size).toBe(6)
      await vault.recoverElsewhere()
      expect(await vault.list(HOME, '3')).toHaveLength(3)
    })
  })
})

/** As after a machine was started again and again from one image: what asks for nonces gets the same. */
function repeating(ports: MachinePorts) {
  const nonce = new Uint8Array(24).fill(9)
  const bytes = (length: number) => (length === 24 ? nonce.slice() : ports.random.bytes(length))
  return { ...clientPorts(ports), random: { bytes } }
}

function openedVault(vault: TestVault) {
  const [friend] = vault.friends.all
  const paths = friend!.machine.volume.files().map(({ path }) => path)
  const path = paths.find((one) => one.startsWith('heads/')) ?? ''
  return path.split('/')[1] as ReturnType<typeof openHead>['vault']
}
