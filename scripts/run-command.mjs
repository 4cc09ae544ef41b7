// Runs a command with a time limit, after which none of its processes is left.
import { spawn } from 'node:child_process'
import { endTree } from './process-tree.mjs'

const running = new Set()
let stopped = false

/**
 * Runs a command. Returns whether it succeeded, its output, and the milliseconds it took. After the
 * time limit, or when `endAll()` is called, the command is ended with all its descendants.
 */
export async function runCommand([name, ...args], seconds, { cwd, env } = {}) {
  if (stopped) return await new Promise(() => {})
  const started = performance.now()
  // `detached` starts a new process group. When the command has ended, the processes that it left
  // behind are found by that group.
  const child = spawn(name, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      output += data
    })
  child.on('error', (error) => {
    output += error.message
  })
  const end = async (reason) => {
    output += `\n${reason}\n`
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

/** Ends all running commands and starts no more. Call it before the process exits. */
export async function endAll() {
  stopped = true
  await Promise.all([...running].map((end) => end('ended by a signal')))
}
