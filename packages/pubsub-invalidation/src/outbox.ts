import type { Invalidated } from './bus.js'
import { MAX_NAMES_LENGTH } from './message.js'

type Names = Pick<Invalidated, 'keys' | 'prefixes' | 'groups'>
const kinds = ['keys', 'prefixes', 'groups'] as const

/**
 * Collects what is published in one tick, and sends it as one message without doubles, or as few as
 * its size allows.
 */
export class Outbox {
  readonly #send: (names: Names) => Promise<void>
  #waiting: Letter | undefined

  constructor(send: (names: Names) => Promise<void>) {
    this.#send = send
  }

  /** Resolves once what was added has been sent. */
  add(names: Names): Promise<void> {
    let letter = this.#waiting
    if (!letter) {
      letter = this.#waiting = {
        keys: new Set(),
        prefixes: new Set(),
        groups: new Set(),
        sent: undefined,
      }
      letter.sent = SETTLED.then(
        () => new Promise<void>((resolve) => process.nextTick(resolve)),
      ).then(() => this.#sendAll())
    }
    for (const kind of kinds) for (const name of names[kind]) letter[kind].add(name)
    return letter.sent!
  }

  async #sendAll(): Promise<void> {
    const letter = this.#waiting!
    this.#waiting = undefined
    await Promise.all(pages(letter).map((page) => this.#send(page)))
  }
}

interface Letter extends Record<(typeof kinds)[number], Set<string>> {
  sent: Promise<void> | undefined
}

function pages(letter: Letter): Names[] {
  const all: Record<(typeof kinds)[number], string[]>[] = []
  let length = Infinity
  for (const kind of kinds) {
    for (const name of letter[kind]) {
      const own = JSON.stringify(name).length + 1
      if (length + own > MAX_NAMES_LENGTH) {
        all.push({ keys: [], prefixes: [], groups: [] })
        length = 0
      }
      all.at(-1)![kind].push(name)
      length += own
    }
  }
  return all
}

const SETTLED = Promise.resolve()
