import type { CacheClient } from '@cache/core'
import { beside, createToken } from '@cache/core/internal'
import { claimRegenerationScript, endRegenerationScript } from './scripts.js'

/** Decides which process regenerates a stale page. */
export class Regenerations {
  readonly #client: CacheClient
  readonly #ttl: string
  readonly #token = createToken()

  /** `ttl` is the longest time, in ms, that a process keeps the others from regenerating. */
  constructor(client: CacheClient, ttl: number) {
    this.#client = client
    this.#ttl = String(ttl)
  }

  /**
   * Resolves to 0 if this process has to regenerate the page, otherwise to how many ms another one
   * has for it.
   */
  claim(key: string): Promise<number> {
    const { entries } = this.#client
    return entries.run(claimRegenerationScript, [holderKey(key)], [this.#token, this.#ttl])
  }

  /** Ends the claim. With `pause`, nobody regenerates the page for so many ms. */
  async end(key: string, pause = 0): Promise<void> {
    const { entries } = this.#client
    await entries.run(endRegenerationScript, [holderKey(key)], [this.#token, String(pause)])
  }
}

function holderKey(key: string): string {
  return `${beside(key)}:regenerating`
}
