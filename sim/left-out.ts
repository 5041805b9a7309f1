/**
 * Left out: what rules keep out of a backup, told twice. Once as the product's own rules, and once as a person
 * would look through what there is, so that each can be held against the other.
 */

import type { ScanRules } from '../src/ports/scan.ts'
import type { Picture } from './oracle.ts'
import type { LeftOut } from './plan.ts'

/** As options of the command line are. */
export function rulesOf({ endings, folders, sizeMax }: LeftOut): ScanRules {
  const exact = endings.map((ending) => ({
    text: `*${ending}`,
    origin: '--exclude',
    isCaseIgnored: false,
  }))
  const folded = folders.map((folder) => ({
    text: `${folder.toUpperCase()}/`,
    origin: '--iexclude',
    isCaseIgnored: true,
  }))
  return { patterns: [...exact, ...folded], tags: [], sizeMax, isOneFileSystem: false }
}

/** @returns what is left of a picture; the folder that was pictured always is */
export function withoutLeftOut(picture: Picture, leftOut: LeftOut): Picture {
  const out = new Set<string>()
  const left = new Map<string, NonNullable<ReturnType<Picture['get']>>>()
  // A folder comes before what is in it.
  for (const [path, seen] of picture) {
    const cut = path.lastIndexOf('/')
    const name = path.slice(cut + 1)
    const isOut =
      path !== '' && (out.has(path.slice(0, cut)) || isNamed(name, seen.attributes, leftOut))
    const isLarge = leftOut.sizeMax !== undefined && seen.size > leftOut.sizeMax
    if (isOut) out.add(path)
    if (!isOut && !isLarge) left.set(path, seen)
  }
  return left
}

function isNamed(name: string, attributes: string, { endings, folders }: LeftOut): boolean {
  if (endings.some((ending) => name.endsWith(ending))) return true
  return attributes.startsWith('folder ') && folders.includes(name.toLowerCase())
}
