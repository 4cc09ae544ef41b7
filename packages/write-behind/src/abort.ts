/**
 * Waits, unless the signal aborts: then it rejects with the signal's reason. All that wait with one signal share one listener, so Node
 * does not warn of a leak when they are many.
 */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  let forget: () => void = () => undefined
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, ms)
      if (signal === undefined) return
      const stop = onAbort(signal, () => reject(signal.reason))
      forget = () => {
        clearTimeout(timer)
        stop()
      }
    })
  } finally {
    forget()
  }
}

/** Calls back once when the signal aborts. Returns what takes the callback back; the last one takes the listener with it. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const shared = listeners.get(signal) ?? listenTo(signal)
  shared.callbacks.add(callback)
  return () => {
    if (shared.callbacks.delete(callback) && shared.callbacks.size === 0) shared.forget()
  }
}

interface Shared {
  readonly callbacks: Set<() => void>
  forget(): void
}

const listeners = new WeakMap<AbortSignal, Shared>()

function listenTo(signal: AbortSignal): Shared {
  const callbacks = new Set<() => void>()
  const callAll = (): void => { for (const one of [...callbacks]) one() }
  const forget = (): void => {
    signal.removeEventListener('abort', callAll)
    listeners.delete(signal)
  }
  const shared: Shared = { callbacks, forget }
  listeners.set(signal, shared)
  signal.addEventListener('abort', callAll, { once: true })
  return shared
}
