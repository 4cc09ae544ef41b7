import { sendCommand } from '../command.js'
import { eventually } from '../eventually.js'
import { areInSync } from '../replication.js'
import type { Node } from './node.js'

/**
 * Waits until running nodes serve all slots and agree on their owners, then updates the role of
 * each node. A node `excluded` is not asked.
 */
export async function waitForAgreement(nodes: readonly Node[], excluded?: Node): Promise<void> {
  const view = await eventually(
    () => agreedView(nodes.filter((node) => node.running && node !== excluded)),
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
  /** Ranges, without the slots that are migrating. */
  readonly slots: string
}

/** @throws {Error} that describes a disagreement. */
async function agreedView(running: readonly Node[]): Promise<readonly Entry[]> {
  const views = await Promise.all(running.map((node) => viewOf(node)))
  const [first] = views
  if (first === undefined) throw new Error('No node of the Cluster is running.')
  if (views.some((view) => assignment(view) !== assignment(first)))
    throw new Error('The nodes disagree on the owners of the slots.')
  for (const view of views) assertHealthy(view, running)
  if (!(await areInSync(running))) throw new Error('Not all replicas are in sync.')
  return first
}

async function viewOf(node: Node): Promise<readonly Entry[]> {
  const info = String(await sendCommand(node, ['CLUSTER', 'INFO']))
  if (!info.includes('cluster_state:ok') || !info.includes('cluster_slots_ok:16384')) {
    throw new Error(
      `The node on port ${node.port} reports: ${info.split('\r\n').slice(0, 3).join(', ')}.`,
    )
  }
  return String(await sendCommand(node, ['CLUSTER', 'NODES']))
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
 * @throws {Error} when a running node is disconnected or has unhealthy flags, or a node that is not
 * running owns slots.
 */
function assertHealthy(view: readonly Entry[], running: readonly Node[]): void {
  for (const node of running) {
    const entry = view.find(({ id }) => id === node.id)
    const healthy =
      entry?.connected === true && !entry.flags.some((flag) => UNHEALTHY.includes(flag))
    if (!healthy)
      throw new Error(
        `A node reports for the node on port ${node.port}: ${entry?.flags.join() ?? 'unknown'}.`,
      )
  }
  const dead = view.find(({ id, slots }) => slots !== '' && !running.some((node) => node.id === id))
  if (dead !== undefined)
    throw new Error(`Slots ${dead.slots} belong to a node that is not running.`)
}

const UNHEALTHY = ['fail', 'fail?', 'handshake', 'noaddr']
