/** Canaries that are found within seconds: every run of the tests hunts them, and `npm run soak` the others. */
export const QUICK: readonly string[] = [
  'stored-before-sync',
  'name-before-sync',
  'key-again',
  'names-told',
]
