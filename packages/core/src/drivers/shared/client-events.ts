/** What both libraries' clients have of Node's EventEmitter. */
export interface Emitter {
  on(event: string, listener: (...args: any[]) => void): unknown
  off(event: string, listener: (...args: any[]) => void): unknown
  listenerCount?(event: string): number
}

type Listener = (...args: any[]) => void

interface SharedListener {
  readonly listeners: Set<Listener>
  readonly handler: Listener
}

/** By client, then by event. */
const shared = new WeakMap<Emitter, Map<string, SharedListener>>()

/**
 * Listens to events of a Redis client that many drivers may share, with one listener for each event
 * on the client itself. Returns how to stop. When the last one stops, the listeners are removed,
 * except for one on `error` where nobody else listens to that: an `error` without a listener ends
 * the process.
 */
export function listenTo(client: Emitter, events: Readonly<Record<string, Listener>>): () => void {
  for (const [event, listener] of Object.entries(events))
    sharedListener(client, event).listeners.add(listener)
  return () => {
    for (const [event, listener] of Object.entries(events)) {
      const { listeners, handler } = sharedListener(client, event)
      listeners.delete(listener)
      if (listeners.size > 0 || (event === 'error' && isAlone(client))) continue
      client.off(event, handler)
      shared.get(client)?.delete(event)
    }
  }
}

function sharedListener(client: Emitter, event: string): SharedListener {
  let ofClient = shared.get(client)
  if (!ofClient) shared.set(client, (ofClient = new Map()))
  let one = ofClient.get(event)
  if (!one) {
    const listeners = new Set<Listener>()
    const handler: Listener = (...args) => {
      for (const listener of [...listeners]) listener(...args)
    }
    ofClient.set(event, (one = { listeners, handler }))
    client.on(event, handler)
  }
  return one
}

function isAlone(client: Emitter): boolean {
  return client.listenerCount === undefined || client.listenerCount('error') <= 1
}
