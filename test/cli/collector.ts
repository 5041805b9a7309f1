/** Text that was written, for tests. */

import type { TextSink } from '../../src/cli/output.ts'

export class Collector implements TextSink {
  text = ''
  readonly isTTY: boolean
  readonly columns: number

  constructor({ isTTY = false, columns = 80 } = {}) {
    this.isTTY = isTTY
    this.columns = columns
  }

  write(text: string): void {
    this.text += text
  }

  get lines(): string[] {
    return this.text.split('\n').filter((line) => line !== '')
  }

  get records(): Record<string, unknown>[] {
    return this.lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  }
}
