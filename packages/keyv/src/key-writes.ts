import { sleep } from '@cache/core/internal'

/** Stores a value. Resolves to `false` if another process changed the key at the same time. */
export type Put = () => Promise<boolean>

interface RunningWrite {
  /** A later call has deleted the key, so the write must not be tried again. */
  cancelled: boolean
  /** The latest write of the key that was requested meanwhile. */
  next: QueuedWrite | undefined
}

interface QueuedWrite {
  put: Put
  readonly result: Promise<boolean>
  resolve(stored: boolean | Promise<boolean>): void
}

/**
 * The writes of one store that are under way. The writes of one key run one after the other. While
 * one runs, only the latest of those that wait is kept: the others would be overwritten at once. A
 * write that meets the write of another process is tried again.
 */
export class KeyWrites {
  readonly #running = new Map<string, RunningWrite>()
  readonly #inProgress = new Set<Promise<unknown>>()

  /** Resolves to `false` if nothing was stored, because other processes kept changing the key. */
  write(key: string, put: Put): Promise<boolean> {
    const running = this.#running.get(key)
    if (running === undefined) return this.#start(key, put)
    if (running.next === undefined) running.next = queued(put)
    else running.next.put = put
    return running.next.result
  }

  /**
   * Keeps the writes of a key that are under way from being tried again, since the key is deleted
   * now. They count as done before that.
   */
  cancel(key: string): void {
    const running = this.#running.get(key)
    if (running === undefined) return
    running.cancelled = true
    running.next?.resolve(true)
    running.next = undefined
  }

  /** Cancels the writes of all keys that begin with a text. */
  cancelAll(start: string): void {
    for (const key of this.#running.keys()) if (key.startsWith(start)) this.cancel(key)
  }

  /** Resolves when no write is under way. */
  async idle(): Promise<void> {
    while (this.#inProgress.size > 0) await Promise.allSettled(this.#inProgress)
  }

  #start(key: string, put: Put): Promise<boolean> {
    const write: RunningWrite = { cancelled: false, next: undefined }
    this.#running.set(key, write)
    const result = this.#attempt(put, write).finally(() => {
      this.#running.delete(key)
      if (write.next !== undefined) write.next.resolve(this.#start(key, write.next.put))
    })
    this.#inProgress.add(result)
    const ended = (): boolean => this.#inProgress.delete(result)
    result.then(ended, ended)
    return result
  }

  async #attempt(put: Put, write: RunningWrite): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      if (await put()) return true
      if (write.cancelled) return true
      if (attempt === MAX_ATTEMPTS) return false
      await sleep(Math.random() * Math.min(2 ** attempt, MAX_PAUSE_MS))
    }
  }
}

/** Enough for 20 processes that write one key at the same moment. */
const MAX_ATTEMPTS = 10
const MAX_PAUSE_MS = 128

function queued(put: Put): QueuedWrite {
  let resolve!: QueuedWrite['resolve']
  const result = new Promise<boolean>((resolveResult) => (resolve = resolveResult))
  return { put, result, resolve }
}
