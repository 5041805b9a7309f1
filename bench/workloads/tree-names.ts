/**
 * Names of the files and folders of a home: words, spaces, quotes and letters of other languages.
 */

import type { Random } from '../random.ts'

const WORDS = [
  'letter',
  'invoice',
  'holiday',
  'draft',
  'notes',
  'report',
  'photo',
  'scan',
  'budget',
  'plan',
  'project',
  'school',
  'garden',
  'recipe',
  'contract',
  'meeting',
  'backup',
  'index',
  'main',
  'test',
  'Überblick',
  'façade',
  'naïve',
  'журнал',
  'отчёт',
  '写真',
  '日記',
  'σημειώσεις',
  'crème brûlée',
]

const ODD = [
  "it's",
  '"quoted"',
  '(copy)',
  '[1]',
  '& co',
  '100%',
  '#3',
  '~old',
  'a=b',
  '!',
  '$HOME',
  '🌲',
]

/** @returns two or three words, seldom an odd one, and a number that makes it unique */
export function drawName(random: Random, unique: number | string): string {
  const separator = random.pick([' ', '-', '_', ' '])
  const words = Array.from({ length: random.between(1, 2) }, () => random.pick(WORDS))
  if (random.isOnce(0.08)) words.push(random.pick(ODD))
  return [...words, String(unique)].join(separator)
}

/**
 * Draw folders, one below another: most hang below a recent one, so that some get deep.
 *
 * @returns paths relative to the root, parents first; `''` is the root
 */
export function drawFolders(random: Random, count: number): string[] {
  const folders = ['']
  for (let index = 0; index < count; index++) {
    const isNear = random.isOnce(0.6)
    const parent = isNear
      ? (folders[Math.max(0, folders.length - random.between(1, 6))] ?? '')
      : random.pick(folders)
    const isTooDeep = parent.split('/').length > 14 || parent.length > 600
    const name = drawName(random, index)
    folders.push(isTooDeep || parent === '' ? name : `${parent}/${name}`)
  }
  return folders
}
