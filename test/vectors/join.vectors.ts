/** Vectors of joining: wishes, with the proof and the words that follow for one invite. */

import { encodeCbor } from '../../protocol/cbor.ts'
import {
  decodeWish,
  encodeWish,
  joinProof,
  joinWords,
  type DeviceWish,
  type PeerWish,
} from '../../protocol/join.ts'
import { deviceIdFromBytes, vaultIdToBytes } from '../../protocol/ids.ts'
import { issueCertificate } from '../../protocol/keys.ts'
import { founder, grid, person, START, vaultPapers } from '../protocol/people.ts'
import { sample, type Scenario } from './format.ts'

const invite = { grid, inviter: founder.peer, id: sample(16, 1), secret: sample(16, 2) }

/** @returns the wish, its proof, and its words, for the invite above */
export function decode(bytes: Uint8Array): unknown {
  const wish = decodeWish(bytes)
  return { wish, proof: joinProof(invite, bytes), words: joinWords(invite, wish).join(' ') }
}

const ann = person(1)
const ofAnn = vaultPapers(1)
const peer: PeerWish = { as: 'peer', peer: ann.peer, addresses: ['/ip4/192.0.2.7/tcp/4280'] }
const device: DeviceWish = {
  as: 'device',
  device: ofAnn.device.peer,
  recovery: ofAnn.recovery.peer,
  vault: ofAnn.vault,
  certificate: ofAnn.certificate,
}
const peerFields = { as: 'peer', peer: ann.key.publicKey, addresses: [] }
const deviceFields = {
  as: 'device',
  device: ofAnn.device.key.publicKey,
  recovery: ofAnn.recovery.key.publicKey,
  vault: vaultIdToBytes(ofAnn.vault),
  certificate: ofAnn.certificate,
}
const ofBob = vaultPapers(2)

export const scenarios: readonly Scenario[] = [
  one('peer', 'success', 'who lends disk', encodeWish(peer)),
  one('peer-with-other-addresses', 'success', 'the same words', encodeWish({ ...peer, addresses: [] })),
  one('peer-with-everything', 'success', 'all optional fields; other words, since a vault gets the credit', encodeWish({ ...peer, vault: ofAnn.vault, name: 'Ann', domain: 'Ann’s house' })),
  one('another-peer', 'success', 'other words', encodeWish({ ...peer, peer: person(2).peer })),
  one('device', 'success', 'who backs up', encodeWish(device)),
  one('device-with-a-name', 'success', 'the same words', encodeWish({ ...device, name: 'Ann’s laptop' })),
  one('peer-without-a-key', 'FormatError', 'who would it be', encodeCbor({ as: 'peer', addresses: [] })),
  one('peer-with-a-short-key', 'FormatError', '31 bytes', encodeCbor({ ...peerFields, peer: sample(31) })),
  one('peer-with-17-addresses', 'FormatError', 'above', encodeCbor({ ...peerFields, addresses: Array.from({ length: 17 }, () => '/a') })),
  one('peer-with-a-long-name', 'FormatError', '65 bytes', encodeCbor({ ...peerFields, name: 'x'.repeat(65) })),
  one('peer-with-a-quota', 'FormatError', 'the inviter decides', encodeCbor({ ...peerFields, quota: 5 })),
  one('device-without-a-vault', 'FormatError', 'whose would it be', encodeCbor({ as: 'device', device: sample(32), recovery: sample(32) })),
  one('device-of-another-vault', 'FormatError', 'whose certificate is not that vault’s', encodeCbor({ ...deviceFields, vault: vaultIdToBytes(ofBob.vault) })),
  one('device-with-the-certificate-of-another', 'FormatError', 'of the same vault', encodeCbor({ ...deviceFields, device: person(3).key.publicKey })),
  one('device-with-a-certificate-for-pruning', 'FormatError', 'another role', encodeCbor({ ...deviceFields, certificate: issueCertificate(ofAnn.keys.vaultKey, { device: deviceIdFromBytes(ofAnn.device.key.publicKey), epoch: 1, issuedAt: START, role: 'prune' }) })),
  one('device-with-addresses', 'FormatError', 'not a field of devices', encodeCbor({ ...deviceFields, addresses: [] })),
  one('as-an-invite', 'FormatError', 'nobody comes in as that', encodeCbor({ ...peerFields, as: 'invite' })),
  one('empty', 'FormatError', 'no bytes', new Uint8Array(0)),
]

function one(name: string, expect: string, comment: string, bytes: Uint8Array): Scenario {
  return { name, expect, comment, bytes }
}
