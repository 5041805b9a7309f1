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
import os from 'node:os'
import { DatabaseSync } from 'node:sqlite'
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

/** Prototypes of what Node makes for chance: keys of their own. */
const KEY_MAKERS = [crypto.createECDH('prime256v1'), crypto.getDiffieHellman('modp14')]

/** All that gives another answer in each run, or answers from another thread. */
function sources(): Poisoned[] {
  return [
    ...of(globalThis, 'setTimeout', 'setInterval', 'setImmediate', 'fetch', 'WebSocket'),
    ...of(globalThis, 'BroadcastChannel', 'MessageChannel'),
    ...of(Date, 'now'),
    ...of(performance, 'now', 'mark', 'measure'),
    ...of(process, 'hrtime', 'uptime'),
    ...of(Math, 'random'),
    ...of(Atomics, 'wait', 'waitAsync'),
    ...of(AbortSignal, 'timeout'),
    ...(Temporal === undefined ? [] : allOf(Temporal.Now)),
    ...of(timers, 'setTimeout', 'setInterval', 'setImmediate'),
    ...of(timersPromises, 'setTimeout', 'setInterval', 'setImmediate'),
    ...of(timersPromises.scheduler, 'wait', 'yield'),
    ...of(globalThis.crypto, 'getRandomValues', ...randomNames(globalThis.crypto)),
    ...allOf(SubtleCrypto.prototype),
    ...of(crypto, ...randomNames(crypto), 'generatePrime', 'generatePrimeSync', 'checkPrime'),
    ...of(crypto, 'generateKeyPair', 'generateKeyPairSync', 'generateKey', 'generateKeySync'),
    ...of(crypto, 'scrypt', 'pbkdf2', 'hkdf', 'argon2', 'encapsulate', 'diffieHellman'),
    ...KEY_MAKERS.flatMap((maker) => of(Object.getPrototypeOf(maker) as object, 'generateKeys')),
    ...allOf(zlib).filter(({ name }) => isThreaded(name)),
    ...[fs, fsPromises, dns, dnsPromises, childProcess, os].flatMap(allOf),
    ...of(dns, 'Resolver'),
    ...of(dnsPromises, 'Resolver'),
    ...of(net, 'connect', 'createConnection', 'createServer', 'Socket', 'Server'),
    ...of(net.Socket.prototype, 'connect'),
    ...of(net.Server.prototype, 'listen'),
    ...of(tls, 'connect', 'createServer'),
    ...of(dgram, 'createSocket', 'Socket'),
    ...[http, https].flatMap((module) => of(module, 'request', 'get', 'createServer')),
    ...of(workerThreads, 'Worker', 'MessageChannel', 'BroadcastChannel'),
  ]
}

/** `randomBytes`, `randomUUIDv7` and whatever else is named so. */
function randomNames(owner: object): string[] {
  const names = [...Object.keys(owner), ...Object.getOwnPropertyNames(Object.getPrototypeOf(owner))]
  return names.filter((name) => name.startsWith('random'))
}

/** What answers at once says so in its name, or only counts. */
function isThreaded(name: string): boolean {
  return !name.endsWith('Sync') && name !== 'crc32'
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

/** Names that were reached for in the run that is under way. */
let reached: Set<string> | undefined
let isLifted = false

/** Made once, since a process plays thousands of runs: what stands in place of what. */
let standIns: readonly (Poisoned & { readonly value: unknown })[] | undefined

/**
 * Poison the world; only one guard at a time.
 *
 * @throws {Error} there is one
 */
export function installPoison(): Guard {
  if (reached !== undefined) throw new Error('the world is poisoned already')
  const found = (reached = new Set<string>())
  standIns ??= makeStandIns()
  const undo = standIns.map(({ owner, name, value }) => {
    const known = Object.getOwnPropertyDescriptor(owner, name)
    Object.defineProperty(owner, name, { configurable: true, writable: true, value })
    return () => {
      if (known === undefined) Reflect.deleteProperty(owner, name)
      else Object.defineProperty(owner, name, known)
    }
  })
  syncBuiltinESMExports()
  return {
    found,
    uninstall: () => {
      reached = undefined
      for (const restore of undo.toReversed()) restore()
      syncBuiltinESMExports()
    },
  }
}

function makeStandIns() {
  const functions = sources().flatMap(({ owner, name }) => {
    const real: unknown = Reflect.get(owner, name)
    return typeof real === 'function' ? [{ owner, name, value: guarded(name, real) }] : []
  })
  return [
    ...functions,
    { owner: globalThis, name: 'Date', value: timelessDate() },
    { owner: DatabaseSync.prototype, name: 'exec', value: memoryOnly('exec') },
    { owner: DatabaseSync.prototype, name: 'prepare', value: memoryOnly('prepare') },
  ]
}

/** Beyond a run it is the real thing: somebody may have kept it. */
function isReal(): boolean {
  return isLifted || reached === undefined
}

/** @throws {PoisonError} */
function reach(name: string): never {
  reached?.add(name)
  throw new PoisonError(`${name} is not of this world: ask a port`)
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

function guarded(name: string, real: object): unknown {
  type AnyFunction = (...args: unknown[]) => unknown
  return new Proxy(real as AnyFunction, {
    apply: (target, self, args): unknown =>
      isReal() ? Reflect.apply(target, self, args) : reach(name),
    construct: (target, args, type: () => object): object =>
      isReal() ? Reflect.construct(target, args, type) : reach(name),
    get: (target, key): unknown => {
      const value: unknown = Reflect.get(target, key)
      const isFunctionOfItsOwn = typeof value === 'function' && INNER.has(String(key))
      return isFunctionOfItsOwn ? guarded(`${name}.${String(key)}`, value) : value
    },
  })
}

/** Functions of functions: `process.hrtime.bigint`, `fs.realpathSync.native`. */
const INNER: ReadonlySet<string> = new Set(['bigint', 'native'])

/**
 * Databases are in memory: a file is the real world's. Its class cannot be replaced where it was imported by name, so
 * what is done with one is looked at.
 */
function memoryOnly(name: 'exec' | 'prepare') {
  const real = DatabaseSync.prototype[name]
  return function onDatabase(this: DatabaseSync, sql: string): unknown {
    if (!isReal() && this.location() !== null) reach('a database file')
    return Reflect.apply(real, this, [sql])
  }
}

/** Dates of times that are told, and none of now. */
function timelessDate(): DateConstructor {
  return new Proxy(Date, {
    construct: (date, args, target: () => object): object =>
      args.length === 0 && !isReal() ? reach('new Date()') : Reflect.construct(date, args, target),
    apply: (date, self, args): unknown =>
      isReal() ? Reflect.apply(date, self, args) : reach('Date()'),
  })
}
