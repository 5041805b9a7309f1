/**
 * Accounts: names of users and groups, as /etc/passwd and /etc/group have them.
 *
 * Both files are lines of fields between colons: the name first, the number third (passwd(5),
 * group(5)). They are read once, when first asked. Accounts from elsewhere (LDAP, macOS directory
 * services) have a number and no name here.
 */

import { readFileSync } from 'node:fs'

export class Accounts {
  readonly #file: string
  #names: ReadonlyMap<number, string> | undefined
  #ids: ReadonlyMap<string, number> | undefined

  /** @param file - `/etc/passwd` or `/etc/group` */
  constructor(file: string) {
    this.#file = file
  }

  name(id: number): string | undefined {
    this.#names ??= new Map(this.#rows().map(([name, each]) => [each, name]))
    return this.#names.get(id)
  }

  id(name: string): number | undefined {
    this.#ids ??= new Map(this.#rows())
    return this.#ids.get(name)
  }

  /** Last line first, since the first of several lines is the one that counts. */
  #rows(): [name: string, id: number][] {
    return readLines(this.#file).flatMap(parse).toReversed()
  }
}

/** @returns one row, or none where the line is no account */
function parse(line: string): [name: string, id: number][] {
  const [name, , id] = line.split(':')
  if (name === undefined || name === '' || id === undefined || !/^\d{1,10}$/.test(id)) return []
  return [[name, Number(id)]]
}

/** No file, no lines: a system without one has no names to tell. */
function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}
