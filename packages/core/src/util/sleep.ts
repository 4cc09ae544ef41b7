import { onAbort } from './on-abort.js'
import { timerDelay } from './timer-delay.js'
import { unref } from './unref.js'

export interface SleepOptions {
  /** Whether the timer keeps the process alive. */
  readonly ref?: boolean
}

/**
 * Resolves after `ms` milliseconds, or rejects with the signal's reason as soon as the signal
 * aborts. All calls with the same signal share one listener, so that Node does not warn of a leak.
 */
export async function sleep(
  ms: number,
  signal?: AbortSignal,
  { ref = true }: SleepOptions = {},
): Promise<void> {
  signal?.throwIfAborted()
  let cleanUp: () => void = () => undefined
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, timerDelay(ms))
      if (!ref) unref(timer)
      if (signal === undefined) return
      const removeListener = onAbort(signal, reject)
      cleanUp = () => {
        clearTimeout(timer)
        removeListener()
      }
    })
  } finally {
    cleanUp()
  }
}

/** Resolves after `ms` milliseconds, or as soon as the signal aborts. */
export function sleepUnlessAborted(
  ms: number,
  signal: AbortSignal,
  options?: SleepOptions,
): Promise<void> {
  return sleep(ms, signal, options).catch(() => undefined)
}
