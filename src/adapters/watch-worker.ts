/** What runs in the thread of a FolderWatch: it waits for the kernel's news and passes them on. */

import { parentPort, workerData } from 'node:worker_threads'

import { assert } from '../base/assert.ts'
import type { Watched, WatchRequest } from '../ports/watching.ts'
import { Inotify, NoInotify } from './inotify.ts'
import { WatchTree } from './watch-tree.ts'
import { Whereabouts } from './whereabouts.ts'

/** What the thread is started with. */
export interface WatchTask {
  readonly request: WatchRequest
  readonly shared: SharedArrayBuffer
}

/** Roots are looked at so often, and a watcher of this thread sees that it is alive, ms. */
const WAIT_MS = 1_000

/** What the thread says: news, and before any the descriptors by which it is ended. */
export type WatchMessage = readonly Watched[] | Inotify['files']

assert(parentPort !== null, 'this module is started as a worker')
const port = parentPort

// Whoever starts this thread passes a task.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const { request, shared } = workerData as WatchTask
const whereabouts = new Whereabouts(shared)
const inotify = Inotify.open()

// Also where nothing can be watched the roots are looked at: a disk that is away is no empty one.
const kernel = typeof inotify === 'string' ? new NoInotify(inotify) : inotify
if (typeof inotify !== 'string') port.postMessage(inotify.files, [])
const tree = new WatchTree(request, kernel, (folder) => whereabouts.enter(folder))
tell(tree.start())
// It is ended from outside, between two calls.
for (;;) tell(tree.step(WAIT_MS))

function tell(found: readonly Watched[]): void {
  whereabouts.see('')
  if (found.length > 0) port.postMessage(found, [])
}
