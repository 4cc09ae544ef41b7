type Listener = (reason: unknown) => void

/** Those who listen to each signal, and how the signal's one listener is removed. */
interface Listening {
  readonly listeners: Set<Listener>
  stop(): void
}

const listening = new WeakMap<AbortSignal, Listening>()

/**
 * Calls `listener` once, with the signal's reason, when the signal aborts; at once if it has
 * aborted already. Returns how to stop listening.
 *
 * However many listen, the signal itself has one listener: a signal that many calls share (that of
 * an HTTP request) prints no `MaxListenersExceededWarning`. When all have stopped, it has none.
 *
 * @example
 * const forget = onAbort(signal, (reason) => reject(reason))
 */
export function onAbort(signal: AbortSignal, listener: Listener): () => void {
  if (signal.aborted) {
    listener(signal.reason)
    return () => undefined
  }
  const shared = listening.get(signal) ?? listenTo(signal)
  const own: Listener = (reason) => listener(reason) // one function may listen twice
  shared.listeners.add(own)
  return () => {
    if (shared.listeners.delete(own) && shared.listeners.size === 0) shared.stop()
  }
}

function listenTo(signal: AbortSignal): Listening {
  const listeners = new Set<Listener>()
  const abort = (): void => {
    listening.delete(signal)
    for (const listener of listeners) listener(signal.reason)
  }
  const shared: Listening = {
    listeners,
    stop: () => {
      if (listening.get(signal) === shared) listening.delete(signal)
      signal.removeEventListener('abort', abort)
    },
  }
  listening.set(signal, shared)
  signal.addEventListener('abort', abort, { once: true })
  return shared
}
