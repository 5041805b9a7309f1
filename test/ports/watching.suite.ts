/** What every Watching promises. */

import { describe, expect, it } from 'vitest'

import type { PathBytes } from '../../src/ports/files.ts'
import type { Watched, Watching, WatchRequest } from '../../src/ports/watching.ts'
import { NO_RULES } from '../../src/source/rules.ts'
import { text } from './story.ts'

/** A place to change and to watch; paths are below its root. */
export interface WatchingWorld {
  readonly watching: Watching
  readonly root: string
  makeFolder(path: string): void
  write(path: string, content: string): void
  rename(from: string, to: string): void
  remove(path: string): void
  readonly run?: (story: () => Promise<void>) => Promise<void>
}

export function watchingSuite(who: string, makeWorld: () => WatchingWorld): void {
  const story = (tell: (told: Told, world: WatchingWorld) => Promise<void>) => async () => {
    const world = makeWorld()
    for (const folder of ['', '/a', '/a/b', '/out']) world.makeFolder(folder)
    world.write('/a/file', 'one')
    const told = new Told(world)
    await (world.run ?? ((whole) => whole()))(() => tell(told, world))
  }

  describe(`${who} as Watching`, () => {
    it(
      'tells in which folder something was written, made, renamed or removed',
      story(async (told, world) => {
        await told.begin()
        world.write('/a/file', 'other')
        expect(await told.until('/a')).not.toContain('/a/b')
        world.write('/a/b/new', 'new')
        await told.until('/a/b')
        world.rename('/a/b/new', '/a/newer')
        await told.untilAll('/a/b', '/a')
        world.remove('/a/newer')
        await told.until('/a')
        await told.end()
      }),
    )

    it(
      'tells of a new folder with all below it, and of what happens there later',
      story(async (told, world) => {
        await told.begin()
        world.makeFolder('/a/c')
        world.makeFolder('/a/c/d')
        world.write('/a/c/d/file', 'at once')
        await told.untilAll('/a', '/a/c+')
        world.write('/a/c/d/file', 'later')
        expect(await told.until('/a/c/d', '/a/c/d+')).not.toContain('lost')
        await told.end()
      }),
    )

    it(
      'knows a folder by its new name once it was renamed',
      story(async (told, world) => {
        await told.begin()
        world.rename('/a', '/z')
        await told.untilAll('', '/z+')
        world.write('/z/b/new', 'new')
        expect(await told.until('/z/b')).not.toContain('/a/b')
        await told.end()
      }),
    )

    it(
      'says nothing of what is left out',
      story(async (told, world) => {
        const patterns = [{ text: '*.tmp', origin: '--exclude', isCaseIgnored: false }]
        await told.begin({ excluded: ['/out'], patterns })
        world.write('/out/file', 'excluded')
        world.write('/a/b/some.tmp', 'left out by a rule')
        world.write('/a/b/other', 'in')
        const hints = await told.until('/a/b')
        world.write('/a/file', 'last')
        expect([...hints, ...(await told.until('/a'))]).not.toContain('/out')
        await told.end()
      }),
    )

    it(
      'tells when a root goes away and comes back, and watches it again',
      story(async (told, world) => {
        world.makeFolder('/other')
        await told.begin({ roots: ['/out', '/other'] })
        world.remove('/out')
        await told.until('away /out')
        world.makeFolder('/out')
        await told.until('back /out')
        world.write('/out/file', 'new')
        expect(await told.until('/out')).not.toContain('away /out')
        await told.end()
      }),
    )
  })
}

/** What is told, as words: a hint is its folder, with a `+` if it is deep. */
class Told {
  readonly #world: WatchingWorld
  readonly #stop = new AbortController()
  #batches: AsyncIterator<readonly Watched[]> | undefined

  constructor(world: WatchingWorld) {
    this.#world = world
  }

  async begin({
    roots = [''],
    excluded = [],
    patterns = [],
  }: {
    readonly roots?: readonly string[]
    readonly excluded?: readonly string[]
    readonly patterns?: WatchRequest['rules']['patterns']
  } = {}): Promise<void> {
    const at = (path: string): PathBytes => text(this.#world.root + path)
    const rules = { ...NO_RULES, patterns }
    const request = { roots: roots.map(at), excluded: excluded.map(at), rules }
    const { watching } = this.#world
    this.#batches = watching.watch(request, this.#stop.signal)[Symbol.asyncIterator]()
    await this.until('ready')
  }

  /** Hear until one of the words was said. @returns everything that was */
  until(...words: readonly string[]): Promise<string[]> {
    return this.#hear((heard) => words.some((word) => heard.includes(word)))
  }

  /** Hear until all of the words were said. */
  untilAll(...words: readonly string[]): Promise<string[]> {
    return this.#hear((heard) => words.every((word) => heard.includes(word)))
  }

  async #hear(isEnough: (heard: readonly string[]) => boolean): Promise<string[]> {
    const heard: string[] = []
    while (!isEnough(heard)) {
      const next = await this.#batches?.next()
      for (const watched of next?.value ?? []) heard.push(this.#worded(watched))
    }
    return heard
  }

  async end(): Promise<void> {
    this.#stop.abort(new Error('enough'))
    await expect(this.until('more than there is')).rejects.toThrow('enough')
  }

  #worded(watched: Watched): string {
    const below = (path: PathBytes) => Buffer.from(path).toString().slice(this.#world.root.length)
    if (watched.type === 'hint') return `${below(watched.folder)}${watched.isDeep ? '+' : ''}`
    if (watched.type === 'away' || watched.type === 'back') {
      return `${watched.type} ${below(watched.root)}`
    }
    return watched.type
  }
}
