/**
 * The chart of `cairn what-if`: how likely it is that everything is still there, year by year, as SVG.
 *
 * Colours follow whoever looks: light or dark. Each line is named where it ends, so that none is told by its
 * colour alone.
 */

import type { Tally, WhatIfReport } from '../../durability/what-if.ts'

const WIDTH = 640
const HEIGHT = 360
const PLOT = { left: 64, right: 460, top: 66, bottom: 312 } as const

/** Labels nearer than that would lie on each other. */
const LABEL_GAP = 34

const STYLE = `
    .ground { fill: #ffffff }
    text { fill: #1f2328; font: 13px system-ui, sans-serif }
    .title { font-size: 15px; font-weight: 600 }
    .soft { fill: #59636e }
    .grid { stroke: #d1d9e0; stroke-width: 1 }
    .line { fill: none; stroke-width: 2.5; stroke-linejoin: round }
    .open { stroke: #0969da } .closed { stroke: #bc4c00; stroke-dasharray: 7 4 }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117 }
      text { fill: #f0f6fc }
      .soft { fill: #9198a1 }
      .grid { stroke: #3d444d }
      .open { stroke: #58a6ff } .closed { stroke: #f0883e }
    }`

export function whatIfChart({ request, tally, closed }: WhatIfReport): string {
  const { group, code, years } = request.plan
  const title = 'Chance that all newest versions are still there'
  const about = `${group.length} friends, any ${code.needed} of ${code.total} shares, ${tally.runs} runs`
  const curves =
    closed === tally
      ? [{ name: 'nobody new comes', kind: 'closed', points: survival(closed) }]
      : [
          { name: 'friends replaced', kind: 'open', points: survival(tally) },
          { name: 'nobody new comes', kind: 'closed', points: survival(closed) },
        ]
  const x = (year: number) => PLOT.left + ((PLOT.right - PLOT.left) * year) / years
  const y = (part: number) => PLOT.bottom - (PLOT.bottom - PLOT.top) * part
  const labels = placeLabels(curves.map(({ points }) => y(points.at(-1) ?? 0)))
  const step = Math.ceil(years / 10)
  const ticks = Array.from({ length: years + 1 }, (_, year) => year).filter(
    (year) => year % step === 0,
  )
  const desc = curves
    .map(({ name, points }) => `${name}: ${percent(points.at(-1) ?? 0)} after ${years} years`)
    .join('; ')
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="title desc">`,
    `  <title id="title">${title}</title>`,
    `  <desc id="desc">${about}. ${desc}.</desc>`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect class="ground" width="${WIDTH}" height="${HEIGHT}"/>`,
    `  <text class="title" x="20" y="24">${title}</text>`,
    `  <text class="soft" x="20" y="43">${about}</text>`,
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((part) => [
      `  <path class="grid" d="M${PLOT.left} ${at(y(part))}H${PLOT.right}"/>`,
      `  <text class="soft" x="${PLOT.left - 8}" y="${at(y(part) + 4)}" text-anchor="end">${part * 100} %</text>`,
    ]),
    ...ticks.map(
      (year) =>
        `  <text class="soft" x="${at(x(year))}" y="${PLOT.bottom + 20}" text-anchor="middle">${year}</text>`,
    ),
    `  <text class="soft" x="${(PLOT.left + PLOT.right) / 2}" y="${PLOT.bottom + 38}" text-anchor="middle">years</text>`,
    ...curves.flatMap(({ name, kind, points }, index) => {
      const path = points.map((part, year) => `${at(x(year))} ${at(y(part))}`).join('L')
      const label = labels[index] ?? 0
      return [
        `  <path class="line ${kind}" d="M${path}"/>`,
        `  <text x="${PLOT.right + 10}" y="${at(label)}">${name}</text>`,
        `  <text class="soft" x="${PLOT.right + 10}" y="${at(label + 16)}">${percent(points.at(-1) ?? 0)}</text>`,
      ]
    }),
    '</svg>',
    '',
  ].join('\n')
}

function survival({ lostRuns, runs }: Tally): number[] {
  return [...lostRuns].map((lost) => 1 - lost / runs)
}

/** Two labels at most: the lower gives way. */
function placeLabels(wanted: readonly number[]): number[] {
  const [first = 0, second] = wanted
  if (second === undefined) return [first]
  return [first, second < first + LABEL_GAP ? first + LABEL_GAP : second]
}

function percent(part: number): string {
  if (part === 1) return 'no loss seen'
  return part > 0.995 ? 'over 99 %' : `${Math.round(part * 100)} %`
}

function at(value: number): string {
  return value.toFixed(1)
}
