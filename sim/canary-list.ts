/**
 * Canaries: known bugs of other backup programs, as changes to the text of our own source.
 *
 * The seeds of the simulator must find each of them. None is in the product: sim/canary-hook.ts puts one in
 * when its file is loaded, in a process of its own. A text that is not there exactly once is an error, so a
 * canary follows the code or says that it cannot.
 */

export interface Canary {
  readonly name: string
  /** What goes wrong in a program that has it. */
  readonly bug: string
  /** From the top of the source tree. */
  readonly file: string
  /** The text to find, exactly once. */
  readonly text: string
  readonly replacement: string
  readonly foundBy: Hunt
}

/** The story that finds it, as `npm run sim` plays it. */
export interface Hunt {
  readonly story: 'plans' | 'classic' | 'histories' | 'hostile'
  /** It must be found within so many, the first being 1. */
  readonly seeds: number
  readonly options?: readonly string[]
}

/** Five friends and two days: seconds for each seed. */
const SHORT = ['--peers', '5', '--days', '2']

export const CANARIES: readonly Canary[] = [
  {
    name: 'stored-before-sync',
    bug: 'a peer says "stored" before the share would survive a power cut',
    file: 'src/store/share-upload.ts',
    text: '    await this.#place.file.sync()\n',
    replacement: '',
    foundBy: { story: 'classic', seeds: 20, options: SHORT },
  },
]
