/** The methods of the EventEmitter of Node.js that the clients of both libraries have. */
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

/** The listeners, by client and by event. */
const shared = new WeakMap<Emitter, Map<string, SharedListener>>()

/**
 * Listens to events of a Redis client that many drivers may share. Returns a function that stops
 * listening.
 *
 * The client itself gets only one listener for each event. When the last driver stops, the
 * listeners are removed. The listener for `error` stays if nobody else listens to it, since an
 * `error` without a listener ends the process.
 */
export function listenTo(client: Emitter, events: Readonly<Record<string, Listener>>): () => void {
  for (const [event, listener] of Object.entries(events))
    sharedListener(client, event).listeners.add(listener)
  return () => {
    for (const [event, listener] of Object.entries(events)) {
      const { listeners, handler } = sharedListener(client, event)
      listeners.delete(listener)
      if (listeners.size > 0 || (event === 'error' && isOnlyErrorListener(client))) continue
      client.off(event, handler)
      shared.get(client)?.delete(event)
    }
  }
}

function sharedListener(client: Emitter, event: string): SharedListener {
  let byEvent = shared.get(client)
  if (!byEvent) shared.set(client, (byEvent = new Map()))
  let sharedEvent = byEvent.get(event)
  if (!sharedEvent) {
    const listeners = new Set<Listener>()
    const handler: Listener = (...args) => {
      for (const listener of [...listeners]) listener(...args)
    }
    byEvent.set(event, (sharedEvent = { listeners, handler }))
    client.on(event, handler)
  }
  return sharedEvent
}

function isOnlyErrorListener(client: Emitter): boolean {
  return client.listenerCount === undefined || client.listenerCount('error') <= 1
}
