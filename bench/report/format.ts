/** Numbers as the tables show them: three digits that matter, `–` for what was not measured. */

const MIB = 1024 * 1024

export const NONE = '–'

/** @returns `0.052`, `1.24`, `38.1`, `412`; at most three decimals */
export function formatNumber(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return NONE
  const size = Math.abs(value)
  if (size >= 100) return value.toFixed(0)
  if (size >= 10) return value.toFixed(1)
  if (size >= 1) return value.toFixed(2)
  return value.toFixed(3)
}

/** Seconds; /proc counts in hundredths. */
export function formatSeconds(seconds: number | undefined): string {
  if (seconds === undefined) return NONE
  return seconds >= 100 ? seconds.toFixed(0) : seconds.toFixed(2)
}

export function formatMib(bytes: number | undefined): string {
  return formatNumber(bytes === undefined ? undefined : bytes / MIB)
}

/** @returns `0.83`, or `–` if either is missing or the base is nothing */
export function formatRatio(value: number | undefined, base: number | undefined): string {
  if (value === undefined || base === undefined || base === 0) return NONE
  const ratio = value / base
  return ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(ratio < 0.1 ? 3 : 2)
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}
