import type { Command, Reply } from '@cache/core'
import { slot } from '@cache/core'
import { execute, type AnyGlideClient } from './glide-client.js'
import { resultOf } from './replies.js'

const SLOTS: Command = { args: ['CLUSTER', 'SLOTS'], keys: [] }

/** The primaries of a Cluster, and which of them owns which slot. */
export class Slots {
  readonly #owners: (string | undefined)[] = []
  #primaries: ReadonlySet<string> = new Set()
  #refreshedAt = -Infinity

  /** The addresses of the primaries, `host:port`. */
  get primaries(): ReadonlySet<string> {
    return this.#primaries
  }

  ownerOf(key: string): string | undefined {
    return this.#owners[slot(key)]
  }

  /** Asks a node, unless that was done a moment ago. Never rejects. */
  async refreshIfOld(client: AnyGlideClient, timeout: number): Promise<void> {
    const now = performance.now()
    if (now - this.#refreshedAt < REFRESH_EVERY) return
    this.#refreshedAt = now
    await this.refresh(client, timeout).catch(() => undefined)
  }

  /** Asks a node. */
  async refresh(client: AnyGlideClient, timeout: number): Promise<void> {
    const [raw] = await execute(client, [SLOTS.args], { timeout })
    const reply = resultOf(raw, SLOTS)
    if (reply instanceof Error) throw reply
    const primaries = new Set<string>()
    for (const [first, last, primary] of reply as readonly (readonly Reply[])[]) {
      const [host, port] = primary as readonly Reply[]
      const address = `${String(host)}:${String(port)}`
      primaries.add(address)
      for (let i = Number(first); i <= Number(last); i++) this.#owners[i] = address
    }
    this.#primaries = primaries
    this.#refreshedAt = performance.now()
  }
}

/** GLIDE follows moved slots by itself. What it does not report is learned within this time. */
const REFRESH_EVERY = 2_000
