import { onAbort } from '@cache/core/internal'

/**
 * Waits, unless the signal aborts: then it rejects with the signal's reason. All that wait with one
 * signal share one listener, so Node does not warn of a leak when they are many.
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
