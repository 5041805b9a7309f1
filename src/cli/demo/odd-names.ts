/**
 * Odd names: file names that are legal and have broken backup programs before.
 */

/** As bytes; none holds a zero or a slash. A file system may refuse a few of them. */
export const ODD_NAMES: readonly Buffer[] = [
  'new\nline',
  'carriage\rreturn',
  'tab\there',
  'single \' double " back `',
  '\u001b[31mred\u001b[0m',
  '\u001b]0;title\u0007',
  'bell\u0007',
  'delete\u007f',
  ' leading space',
  'trailing space ',
  '-rf',
  '--help',
  '...',
  '.hidden',
  '~',
  '*?<>|:',
  'back\\slash',
  '%s%n%00',
  '$(touch planted)',
  'CON',
  'aux.txt',
  // Words that a store may use for itself.
  'original',
  'delta-3',
  'files.db',
  // One letter composed and decomposed: two names, not one.
  'caf\u00e9',
  'cafe\u0301',
  '日本語 — ünïcödé — 🪨',
  'right\u202eto left',
  'x'.repeat(255),
  '石'.repeat(85),
]
  .map((name) => Buffer.from(name, 'utf8'))
  .concat([
    Buffer.from([0xff, 0xfe, 0x80]),
    Buffer.from([0x66, 0xc3, 0x28, 0x67]),
    Buffer.from([0xed, 0xa0, 0x80]),
    Buffer.from([0x01, 0x02, 0x1f]),
  ])
