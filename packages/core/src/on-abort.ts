type Listener = (reason: unknown) => void

/** The listeners of each signal that somebody listens to. */
const listening = new WeakMap<AbortSignal, Set<Listener>>()

/**
 * Calls `listener` once, with the signal's reason, when the signal aborts; at once if it has aborted already. Returns how to stop listening.
 *
 * However many listen, the signal itself has one listener: a signal that many calls share (that of an HTTP request) prints no
 * `MaxListenersExceededWarning`.
 *
 * @example
 * const forget = onAbort(signal, (reason) => reject(reason))
 */
export function onAbort(signal: AbortSignal, listener: Listener): () => void {
  if (signal.aborted) {
    listener(signal.reason)
    return () => undefined
  }
  const listeners = listening.get(signal) ?? listenTo(signal)
  const own: Listener = (reason) => listener(reason) // one function may listen twice
  listeners.add(own)
  return () => void listeners.delete(own)
}

function listenTo(signal: AbortSignal): Set<Listener> {
  const listeners = new Set<Listener>()
  listening.set(signal, listeners)
  signal.addEventListener('abort', () => {
    listening.delete(signal)
    for (const listener of listeners) listener(signal.reason)
  }, { once: true })
  return listeners
}
