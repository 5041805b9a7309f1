/**
 * Put the canary that the environment names (`CAIRN_CANARY`) into its file when that is loaded:
 *
 *     CAIRN_CANARY=stored-before-sync node --import ./sim/canary-hook.ts sim/main.ts --classic --seed 1
 *
 * The text is changed before its types are stripped, and nothing of it is kept.
 */

import { registerHooks, type LoadFnOutput } from 'node:module'
import { fileURLToPath } from 'node:url'
import { CANARIES } from './canary-list.ts'
import { patch } from './canary-patch.ts'

const name = process.env['CAIRN_CANARY']
const canary = CANARIES.find((one) => one.name === name)
if (canary === undefined) throw new Error(`no canary is called ${name}`)

const path = fileURLToPath(new URL(`../${canary.file}`, import.meta.url))
let isIn = false

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (!url.startsWith('file:') || fileURLToPath(url) !== path) return loaded
    isIn = true
    return { ...loaded, source: patch(textOf(loaded.source), canary) }
  },
})

function textOf(source: LoadFnOutput['source']): string {
  return typeof source === 'string' ? source : Buffer.from((source ?? '') as Uint8Array).toString()
}

process.on('exit', () => {
  if (isIn) return
  console.error(`${canary.file} was never loaded`)
  process.exitCode = 2
})
