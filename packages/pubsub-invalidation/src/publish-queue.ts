import type { InvalidationNames } from './invalidation-names.js'
import { MAX_NAMES_LENGTH } from './message.js'

/**
 * Collects what is published in one tick and sends it as one message without duplicates, or as few
 * messages as their maximum size allows.
 */
export class PublishQueue {
  readonly #send: (names: InvalidationNames) => Promise<void>
  #batch: Batch | undefined

  constructor(send: (names: InvalidationNames) => Promise<void>) {
    this.#send = send
  }

  /** Adds names to the message of this tick. Resolves when the message has been sent. */
  add(names: InvalidationNames): Promise<void> {
    let batch = this.#batch
    if (!batch) {
      batch = this.#batch = {
        keys: new Set(),
        prefixes: new Set(),
        groups: new Set(),
        sent: undefined,
      }
      batch.sent = RESOLVED.then(
        () => new Promise<void>((resolve) => process.nextTick(resolve)),
      ).then(() => this.#sendBatch())
    }
    for (const kind of kinds) for (const name of names[kind]) batch[kind].add(name)
    return batch.sent!
  }

  async #sendBatch(): Promise<void> {
    const batch = this.#batch!
    this.#batch = undefined
    await Promise.all(splitBySize(batch).map((names) => this.#send(names)))
  }
}

const kinds = ['keys', 'prefixes', 'groups'] as const

interface Batch extends Record<(typeof kinds)[number], Set<string>> {
  sent: Promise<void> | undefined
}

function splitBySize(batch: Batch): InvalidationNames[] {
  const parts: Record<(typeof kinds)[number], string[]>[] = []
  let length = Infinity
  for (const kind of kinds) {
    for (const name of batch[kind]) {
      const nameLength = JSON.stringify(name).length + 1
      if (length + nameLength > MAX_NAMES_LENGTH) {
        parts.push({ keys: [], prefixes: [], groups: [] })
        length = 0
      }
      parts.at(-1)![kind].push(name)
      length += nameLength
    }
  }
  return parts
}

const RESOLVED = Promise.resolve()
