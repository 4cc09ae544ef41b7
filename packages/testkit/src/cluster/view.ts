import { ask } from '../command.js'
import { eventually } from '../eventually.js'
import { areInSync } from '../replication.js'
import type { Node } from './cluster.js'

/** Waits until running nodes, not counting `silent`, serve all slots and agree on it, and takes note of who is a primary now. */
export async function untilAgreed(nodes: readonly Node[], silent?: Node): Promise<void> {
  const heard = nodes.filter((node) => node !== silent)
  const view = await eventually(() => agreedView(heard), { within: 30_000 })
  for (const node of nodes) node.role = view.some(({ id, slots }) => id === node.id && slots !== '') ? 'primary' : 'replica'
}

/** One line of CLUSTER NODES. */
interface Entry {
  readonly id: string
  readonly flags: readonly string[]
  readonly connected: boolean
  /** Ranges, without the slots that are on their way. */
  readonly slots: string
}

async function agreedView(nodes: readonly Node[]): Promise<readonly Entry[] | undefined> {
  const running = nodes.filter((node) => node.running)
  const views = await Promise.all(running.map((node) => viewOf(node)))
  const [first] = views
  if (first === undefined) throw new Error('No node of the Cluster is running.')
  const agree = views.every((view) => view !== undefined && assignment(view) === assignment(first))
  const whole = agree && views.every((view) => view !== undefined && isWhole(view, running))
  return whole && (await areInSync(running)) ? first : undefined
}

/** What a node knows; nothing while it can't serve all slots. */
async function viewOf(node: Node): Promise<readonly Entry[] | undefined> {
  const info = String(await ask(node, ['CLUSTER', 'INFO']))
  if (!info.includes('cluster_state:ok') || !info.includes('cluster_slots_ok:16384')) return undefined
  return String(await ask(node, ['CLUSTER', 'NODES']))
    .trim()
    .split('\n')
    .map(parseEntry)
}

function parseEntry(line: string): Entry {
  const [id = '', , flags = '', , , , , link, ...slots] = line.split(' ')
  return { id, flags: flags.split(','), connected: link === 'connected', slots: slots.filter((slot) => !slot.startsWith('[')).join(' ') }
}

function assignment(view: readonly Entry[]): string {
  return view
    .filter(({ slots }) => slots !== '')
    .map(({ id, slots }) => `${id} ${slots}`)
    .sort()
    .join('\n')
}

/** Every running node is connected and trusted, and nobody else has slots. */
function isWhole(view: readonly Entry[], running: readonly Node[]): boolean {
  const alive = new Set(running.map(({ id }) => id))
  const healthy = view.filter(({ id, connected, flags }) => alive.has(id) && connected && !flags.some((flag) => UNHEALTHY.includes(flag)))
  return healthy.length === running.length && view.every(({ id, slots }) => slots === '' || alive.has(id))
}

const UNHEALTHY = ['fail', 'fail?', 'handshake', 'noaddr']
