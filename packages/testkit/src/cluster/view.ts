import { ask } from '../command.js'
import { eventually } from '../eventually.js'
import { areInSync } from '../replication.js'
import type { Node } from './node.js'

/**
 * Waits until running nodes, not counting `silent`, serve all slots and agree on it, and takes note
 * of who is a primary now.
 */
export async function untilAgreed(nodes: readonly Node[], silent?: Node): Promise<void> {
  const view = await eventually(
    () => agreedView(nodes.filter((node) => node.running && node !== silent)),
    { within: 30_000 },
  )
  for (const node of nodes)
    node.role = view.some(({ id, slots }) => id === node.id && slots !== '') ? 'primary' : 'replica'
}

/** One line of CLUSTER NODES. */
interface Entry {
  readonly id: string
  readonly flags: readonly string[]
  readonly connected: boolean
  /** Ranges, without the slots that are on their way. */
  readonly slots: string
}

/** @throws {Error} that says what they do not agree on. */
async function agreedView(running: readonly Node[]): Promise<readonly Entry[]> {
  const views = await Promise.all(running.map((node) => viewOf(node)))
  const [first] = views
  if (first === undefined) throw new Error('No node of the Cluster is running.')
  if (views.some((view) => assignment(view) !== assignment(first)))
    throw new Error('The nodes differ in who serves which slots.')
  for (const view of views) refuseDoubts(view, running)
  if (!(await areInSync(running))) throw new Error('Not all replicas are in sync.')
  return first
}

async function viewOf(node: Node): Promise<readonly Entry[]> {
  const info = String(await ask(node, ['CLUSTER', 'INFO']))
  if (!info.includes('cluster_state:ok') || !info.includes('cluster_slots_ok:16384')) {
    throw new Error(
      `The node on port ${node.port} says: ${info.split('\r\n').slice(0, 3).join(', ')}.`,
    )
  }
  return String(await ask(node, ['CLUSTER', 'NODES']))
    .trim()
    .split('\n')
    .map(parseEntry)
}

function parseEntry(line: string): Entry {
  const [id = '', , flags = '', , , , , link, ...slots] = line.split(' ')
  return {
    id,
    flags: flags.split(','),
    connected: link === 'connected',
    slots: slots.filter((slot) => !slot.startsWith('[')).join(' '),
  }
}

function assignment(view: readonly Entry[]): string {
  return view
    .filter(({ slots }) => slots !== '')
    .map(({ id, slots }) => `${id} ${slots}`)
    .sort()
    .join('\n')
}

/**
 * Of a running node that is not connected or not trusted, and of slots of one that is not running.
 */
function refuseDoubts(view: readonly Entry[], running: readonly Node[]): void {
  for (const node of running) {
    const entry = view.find(({ id }) => id === node.id)
    const trusted =
      entry?.connected === true && !entry.flags.some((flag) => UNHEALTHY.includes(flag))
    if (!trusted)
      throw new Error(
        `A node says of the one on port ${node.port}: ${entry?.flags.join() ?? 'unknown'}.`,
      )
  }
  const lost = view.find(({ id, slots }) => slots !== '' && !running.some((node) => node.id === id))
  if (lost !== undefined)
    throw new Error(`Slots ${lost.slots} are with a node that is not running.`)
}

const UNHEALTHY = ['fail', 'fail?', 'handshake', 'noaddr']
