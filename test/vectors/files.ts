/** Where vectors lie: found by directory listing, so a new format only adds its own files. */

import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import type { VectorModule } from './format.ts'

const FOLDER = new URL('./', import.meta.url)
const MODULE_SUFFIX = '.vectors.ts'

/** @returns names of formats that have a vectors module, sorted */
export function formats(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(MODULE_SUFFIX))
    .map((name) => name.slice(0, -MODULE_SUFFIX.length))
    .toSorted()
}

/** @returns names of folders that hold vector files, sorted */
export function vectorFolders(): string[] {
  return readdirSync(FOLDER, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted()
}

export async function vectorModule(format: string): Promise<VectorModule> {
  const url = new URL(`${format}${MODULE_SUFFIX}`, FOLDER)
  const module: unknown = await import(url.href)
  if (!isVectorModule(module)) throw new Error(`${format}${MODULE_SUFFIX}: no scenarios or decode`)
  return module
}

/** @returns path of a format's folder, or of one scenario's file */
export function vectorPath(format: string, scenario?: string): string {
  return fileURLToPath(new URL(scenario === undefined ? format : `${format}/${scenario}.txt`, FOLDER))
}

function isVectorModule(module: unknown): module is VectorModule {
  if (typeof module !== 'object' || module === null) return false
  if (!('scenarios' in module) || !('decode' in module)) return false
  return Array.isArray(module.scenarios) && typeof module.decode === 'function'
}
