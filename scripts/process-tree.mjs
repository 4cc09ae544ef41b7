// Ends a process with all its descendants, whatever process groups they are in. Turbo, for example,
// starts its children in new groups, which a signal to its own group does not reach.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Sends SIGTERM, so that the processes can clean up, and SIGKILL to those that are still running
 * after `grace` ms. Resolves when all are gone.
 */
export async function endTree(root, grace = 3_000) {
  const tree = new Set([root])
  const signalled = new Set()
  const deadline = performance.now() + grace
  for (;;) {
    const alive = aliveIn(tree)
    if (alive.length === 0) return
    const late = performance.now() >= deadline
    for (const pid of alive.filter((candidate) => late || !signalled.has(candidate))) {
      signalled.add(pid)
      sendSignal(pid, late ? 'SIGKILL' : 'SIGTERM')
    }
    await sleep(50)
  }
}

/**
 * Adds new processes to the tree: children of its members, and the process group of the root. A
 * member stays in the tree when its parent dies. Returns the members that are alive.
 */
function aliveIn(tree) {
  const [root] = tree
  const all = processes()
  for (let size = -1; size !== tree.size;) {
    size = tree.size
    for (const { pid, parent, group } of all) if (tree.has(parent) || group === root) tree.add(pid)
  }
  return all.filter(({ pid, zombie }) => tree.has(pid) && !zombie).map(({ pid }) => pid)
}

function sendSignal(pid, signal) {
  try {
    process.kill(pid, signal)
  } catch {
    /* The process has ended. */
  }
}

/** Lists all processes: from /proc if it exists, because small images have no `ps`. */
function processes() {
  return existsSync('/proc/self/stat') ? fromProc() : fromPs()
}

function fromProc() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        // The second field is the program's name in parentheses. It may contain parentheses itself.
        const [state, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return [
          {
            pid: Number(name),
            parent: Number(parent),
            group: Number(group),
            zombie: state === 'Z',
          },
        ]
      } catch {
        return [] // The process has ended.
      }
    })
}

function fromPs() {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat='], { encoding: 'utf8' })
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, parent, group, state] = line.trim().split(/\s+/)
      return {
        pid: Number(pid),
        parent: Number(parent),
        group: Number(group),
        zombie: state.startsWith('Z'),
      }
    })
}
