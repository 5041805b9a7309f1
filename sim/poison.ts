/**
 * Poison: while a run is under way, reaching for the real world is an error: its time, chance, files, network,
 * processes and threads.
 *
 * What was reached for is thrown at once, and remembered, since somebody may swallow what is thrown. Modules that
 * Node loads itself are none of it: its loader holds on to functions of its own.
 */

import childProcess from 'node:child_process'
import crypto from 'node:crypto'
import dgram from 'node:dgram'
import dns from 'node:dns'
import dnsPromises from 'node:dns/promises'
import fs from 'node:fs'
import fsPromises from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import timers from 'node:timers'
import timersPromises from 'node:timers/promises'
import tls from 'node:tls'
import workerThreads from 'node:worker_threads'
import zlib from 'node:zlib'
import { PoisonError } from './errors.ts'

interface Poisoned {
  readonly owner: object
  readonly name: string
}

const { Temporal } = globalThis as { readonly Temporal?: { readonly Now: object } }

/** All that gives another answer in each run, or answers from another thread. */
function sources(): Poisoned[] {
  return [
    ...of(globalThis, 'setTimeout', 'setInterval', 'setImmediate', 'fetch', 'WebSocket'),
    ...of(Date, 'now'),
    ...of(performance, 'now'),
    ...of(process, 'hrtime', 'uptime'),
    ...of(Math, 'random'),
    ...of(Atomics, 'wait', 'waitAsync'),
    ...of(AbortSignal, 'timeout'),
    ...(Temporal === undefined ? [] : allOf(Temporal.Now)),
    ...of(timers, 'setTimeout', 'setInterval', 'setImmediate'),
    ...of(timersPromises, 'setTimeout', 'setInterval', 'setImmediate'),
    ...of(timersPromises.scheduler, 'wait', 'yield'),
    ...of(globalThis.crypto, 'getRandomValues', 'randomUUID'),
    ...of(SubtleCrypto.prototype, 'digest', 'encrypt', 'decrypt', 'sign', 'verify'),
    ...of(SubtleCrypto.prototype, 'importKey', 'deriveBits', 'deriveKey', 'generateKey'),
    ...of(crypto, 'randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID'),
    ...of(crypto, 'generatePrime', 'generatePrimeSync'),
    ...of(crypto, 'generateKeyPair', 'generateKeyPairSync', 'generateKey', 'generateKeySync'),
    ...of(crypto, 'scrypt', 'pbkdf2', 'hkdf', 'argon2'),
    ...of(zlib, 'deflate', 'inflate', 'gzip', 'gunzip', 'zstdCompress', 'zstdDecompress'),
    ...of(zlib, 'brotliCompress', 'brotliDecompress'),
    ...[fs, fsPromises, dns, dnsPromises, childProcess].flatMap(allOf),
    ...of(net, 'connect', 'createConnection', 'createServer', 'Socket', 'Server'),
    ...of(net.Socket.prototype, 'connect'),
    ...of(net.Server.prototype, 'listen'),
    ...of(tls, 'connect', 'createServer'),
    ...of(dgram, 'createSocket'),
    ...[http, https].flatMap((module) => of(module, 'request', 'get', 'createServer')),
    ...of(workerThreads, 'Worker'),
  ]
}

function of(owner: object, ...names: string[]): Poisoned[] {
  return names.map((name) => ({ owner, name }))
}

/** Every function of a module that is no class. */
function allOf(owner: object): Poisoned[] {
  return Object.getOwnPropertyNames(owner).flatMap((name) =>
    /^[a-z]/.test(name) ? [{ owner, name }] : [],
  )
}

export interface Guard {
  /** Names reached for so far, each once. */
  readonly found: ReadonlySet<string>
  /** Put everything back. */
  uninstall(): void
}

let isInstalled = false
let isLifted = false

/**
 * Poison the world; only one guard at a time.
 *
 * @throws {Error} there is one
 */
export function installPoison(): Guard {
  if (isInstalled) throw new Error('the world is poisoned already')
  isInstalled = true
  const found = new Set<string>()
  const undo: (() => void)[] = []
  const reach = (name: string): never => {
    found.add(name)
    throw new PoisonError(`${name} is not of this world: ask a port`)
  }
  const replace = ({ owner, name }: Poisoned, value: unknown): void => {
    const known = Object.getOwnPropertyDescriptor(owner, name)
    Object.defineProperty(owner, name, { configurable: true, writable: true, value })
    undo.push(() => {
      if (known === undefined) Reflect.deleteProperty(owner, name)
      else Object.defineProperty(owner, name, known)
    })
  }
  for (const source of sources()) {
    const inherited: unknown = Reflect.get(source.owner, source.name)
    if (typeof inherited === 'function') replace(source, guarded(source.name, inherited, reach))
  }
  replace({ owner: globalThis, name: 'Date' }, timelessDate(reach))
  syncBuiltinESMExports()
  return {
    found,
    uninstall: () => {
      isInstalled = false
      for (const restore of undo.toReversed()) restore()
      syncBuiltinESMExports()
    },
  }
}

/**
 * What a story itself does out of its world, at once: to make a file with another tool, say.
 *
 * @param work - of the story, never of the product
 */
export function outside<T>(work: () => T): T {
  const wasLifted = isLifted
  isLifted = true
  try {
    return work()
  } finally {
    isLifted = wasLifted
  }
}

function guarded(name: string, real: object, reach: (name: string) => never): unknown {
  type AnyFunction = (...args: unknown[]) => unknown
  return new Proxy(real as AnyFunction, {
    apply: (target, self, args): unknown =>
      isLifted ? Reflect.apply(target, self, args) : reach(name),
    construct: (target, args, type: () => object): object =>
      isLifted ? Reflect.construct(target, args, type) : reach(name),
  })
}

/** Dates of times that are told, and none of now. */
function timelessDate(reach: (name: string) => never): DateConstructor {
  return new Proxy(Date, {
    construct: (date, args, target: () => object): object =>
      args.length === 0 && !isLifted ? reach('new Date()') : Reflect.construct(date, args, target),
    apply: (date, self, args): unknown =>
      isLifted ? Reflect.apply(date, self, args) : reach('Date()'),
  })
}
