type Listener = (reason: unknown) => void

/** The listeners of a signal, and a function that removes our one listener from the signal. */
interface SignalListeners {
  readonly listeners: Set<Listener>
  stop(): void
}

const listenersOf = new WeakMap<AbortSignal, SignalListeners>()

/**
 * Calls `listener` once with the reason of the signal when the signal aborts, or immediately if it
 * has already aborted. Returns a function that stops listening.
 *
 * The signal itself gets only one listener, however many are registered here. So a signal that many
 * calls share (that of an HTTP request) causes no `MaxListenersExceededWarning`. When all have
 * stopped listening, the signal has no listener left.
 *
 * @example
 * const stopListening = onAbort(signal, (reason) => reject(reason))
 */
export function onAbort(signal: AbortSignal, listener: Listener): () => void {
  if (signal.aborted) {
    listener(signal.reason)
    return () => undefined
  }
  const shared = listenersOf.get(signal) ?? listenTo(signal)
  const ownListener: Listener = (reason) => listener(reason) // one function may be registered twice
  shared.listeners.add(ownListener)
  return () => {
    if (shared.listeners.delete(ownListener) && shared.listeners.size === 0) shared.stop()
  }
}

function listenTo(signal: AbortSignal): SignalListeners {
  const listeners = new Set<Listener>()
  const abort = (): void => {
    listenersOf.delete(signal)
    for (const listener of listeners) listener(signal.reason)
  }
  const shared: SignalListeners = {
    listeners,
    stop: () => {
      if (listenersOf.get(signal) === shared) listenersOf.delete(signal)
      signal.removeEventListener('abort', abort)
    },
  }
  listenersOf.set(signal, shared)
  signal.addEventListener('abort', abort, { once: true })
  return shared
}
