import { SimWatching } from '../../sim/watching.ts'
import { toBytes } from '../../sim/file-tree.ts'
import { World } from '../../sim/world.ts'
import { watchingSuite } from '../ports/watching.suite.ts'

watchingSuite('SimWatching', () => {
  const world = new World(1)
  const machine = world.addMachine('laptop')
  const { tree } = machine
  const root = '/home'
  const at = (path: string) => toBytes(root + path)
  return {
    watching: new SimWatching(tree, machine.ports.clock),
    root,
    makeFolder: (path) => {
      if (!tree.has(at(path))) tree.make(at(path), 'folder', 0o755)
    },
    write: (path, content) => {
      const node = tree.has(at(path)) ? tree.node(at(path)) : tree.make(at(path), 'file', 0o644)
      tree.write(node, 0, toBytes(content))
    },
    rename: (from, to) => tree.rename(at(from), at(to)),
    remove: (path) => tree.remove(at(path)),
    // What is made and written within one tick looks the same.
    run: (story) =>
      world.run(async () => {
        await machine.ports.clock.sleep(1_000)
        await story()
      }),
  }
})
