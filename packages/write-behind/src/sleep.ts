import { onAbort } from '@cache/core/internal'

/**
 * Resolves after `ms` milliseconds, or rejects with the signal's reason as soon as the signal
 * aborts. All calls with the same signal share one listener, so that Node does not warn of a leak.
 */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  let cleanUp: () => void = () => undefined
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, ms)
      if (signal === undefined) return
      const removeListener = onAbort(signal, () => reject(signal.reason))
      cleanUp = () => {
        clearTimeout(timer)
        removeListener()
      }
    })
  } finally {
    cleanUp()
  }
}
