// Runs a command with a time limit, after which nothing of it is left.
import { spawn } from 'node:child_process'
import { endTree } from './process-tree.mjs'

const running = new Set()
let stopped = false

/**
 * The outcome of a command: whether it succeeded, what it wrote, and how many milliseconds it took.
 * When its time is up, or when `endAll()` is called, it ends with all its descendants.
 */
export async function runCommand([name, ...args], seconds, { cwd, env } = {}) {
  if (stopped) return await new Promise(() => {})
  const started = performance.now()
  // A process group of its own: what it leaves behind there is found when it has ended.
  const child = spawn(name, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      output += data
    })
  child.on('error', (error) => {
    output += error.message
  })
  const end = async (why) => {
    output += `\n${why}\n`
    await endTree(child.pid)
    for (const stream of [child.stdout, child.stderr]) stream.destroy()
  }
  running.add(end)
  let ending
  const timer = setTimeout(() => {
    ending = end(`ended after ${seconds} s`)
  }, seconds * 1_000)
  const code = await new Promise((resolve) => {
    child.on('close', resolve)
  })
  clearTimeout(timer)
  await ending
  if (child.pid !== undefined) await endTree(child.pid)
  running.delete(end)
  return { ok: code === 0 && ending === undefined, output, took: performance.now() - started }
}

/** Ends all commands that are running. From now on, no other one starts: the process is to exit. */
export async function endAll() {
  stopped = true
  await Promise.all([...running].map((end) => end('ended by a signal')))
}
