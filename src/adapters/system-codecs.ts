/** The codecs as worker threads have them: the same, with the system's hash where it has one. */

import { makeCodecs } from '../codec/codecs.ts'
import { openSha256 } from '../codec/resumable-sha256.ts'
import { openSystemSha256 } from './system-sha256.ts'

export const codecs = makeCodecs(openSystemSha256 ?? openSha256)
