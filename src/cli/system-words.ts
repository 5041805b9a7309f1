/** System words: what the system's error codes mean, for people. */

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EBUSY: 'it is busy',
  EEXIST: 'it exists already',
  EINVAL: 'this file system does not take that',
  EIO: 'the disk could not read it',
  ETIMEDOUT: 'the file system it lies on does not answer',
  EISDIR: 'it is a folder',
  ELOOP: 'too many links, or a link where none may be',
  ENAMETOOLONG: 'its name is too long for this file system',
  ENOENT: 'there is no such file or folder',
  ENOSPC: 'no space is left on the disk',
  ENOTDIR: 'a part of the path is not a folder',
  ENOTEMPTY: 'the folder is not empty',
  EPERM: 'the system does not permit it',
  EROFS: 'the file system is read-only',
  ESTALE: 'it is gone from the file server',
}

/** @returns the code's meaning with the code, or `undefined` for a code that we have no words for */
export function systemWords(code: string): string | undefined {
  const words = WORDS[code]
  return words === undefined ? undefined : `${words} (${code})`
}

/**
 * What the system refused to do for the command line itself: to write its output, say.
 *
 * @returns for instance `write: no space is left on the disk (ENOSPC)`; `undefined` for other errors
 */
export function systemSentence(error: Error): string | undefined {
  const { code, syscall, path } = error as NodeJS.ErrnoException
  const words = code === undefined ? undefined : systemWords(code)
  if (words === undefined || syscall === undefined) return undefined
  return `${syscall}${path === undefined ? '' : ` ${path}`}: ${words}`
}
