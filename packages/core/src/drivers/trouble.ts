import type { NodeRedisClient } from './node-redis-client.js'

/**
 * Calls `listener` whenever a Sentinel client tells of anything that may have cost it messages; returns how to stop. However many
 * there are, the client has one listener for each event: Node warns of more than ten.
 */
export function onTrouble(client: NodeRedisClient, listener: () => void): () => void {
  const all = listeners.get(client) ?? new Listeners(client)
  listeners.set(client, all)
  const own = (): void => listener()
  all.add(own)
  return () => all.delete(own)
}

class Listeners {
  readonly #client: NodeRedisClient
  readonly #all = new Set<() => void>()
  readonly #tell = (): void => { for (const listener of [...this.#all]) listener() }

  constructor(client: NodeRedisClient) {
    this.#client = client
  }

  add(listener: () => void): void {
    if (this.#all.size === 0) for (const event of EVENTS) this.#client.on(event, this.#tell)
    this.#all.add(listener)
  }

  delete(listener: () => void): void {
    if (this.#all.delete(listener) && this.#all.size === 0) for (const event of EVENTS) this.#client.off(event, this.#tell)
  }
}

const EVENTS = ['error', 'client-error', 'topology-change']
const listeners = new WeakMap<NodeRedisClient, Listeners>()
