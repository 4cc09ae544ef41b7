import { CacheError, type CacheClient } from '@cache/core'

/**
 * Wraps a client, and records the tokens of the requests that it did not send. `releasedUnsent` are
 * those of them that were released after that.
 */
export function recordUnsent(client: CacheClient): {
  readonly client: CacheClient
  readonly unsent: ReadonlySet<string>
  readonly releasedUnsent: readonly string[]
} {
  const sent = new Set<string>()
  const unsent = new Set<string>()
  const released = new Set<string>()
  const releasedUnsent: string[] = []
  const run: CacheClient['run'] = async (script, keys, args, ...rest) => {
    const token = String(args[0])
    const releases = script.name.endsWith(' release')
    // A release that began before the failure was known is repeated, and does not count.
    if (releases && unsent.has(token) && !released.has(token)) releasedUnsent.push(token)
    if (releases) released.add(token)
    const reply = client.run(script, keys, args, ...rest)
    if (!releases) {
      unsent.delete(token) // until the outcome is known
      const wasSent = await reply.then(
        () => true,
        (error: unknown) =>
          !(
            error instanceof CacheError &&
            ['CIRCUIT_OPEN', 'OVERLOADED', 'NOT_SENT'].includes(error.code)
          ),
      )
      if (wasSent) sent.add(token)
      else if (!sent.has(token)) unsent.add(token)
    }
    return reply
  }
  return { client: { ...client, run }, unsent, releasedUnsent }
}

/** Calls `before` right before the first call of a script is sent, and `after` right after it. */
export function interceptFirst(
  client: CacheClient,
  scriptName: string,
  before: () => void,
  after: () => Promise<void>,
): CacheClient {
  let intercepted = false
  return {
    ...client,
    run: (script, ...rest) => {
      if (intercepted || script.name !== scriptName) return client.run(script, ...rest)
      intercepted = true
      before()
      const reply = client.run(script, ...rest)
      void after()
      return reply
    },
  }
}

/** A client that holds back the first call of a script. The call rejects; `deliver` sends it. */
export function delayFirst(
  client: CacheClient,
  scriptName: string,
): { readonly client: CacheClient; deliver(): Promise<unknown> } {
  let delayed: (() => Promise<unknown>) | undefined
  return {
    client: {
      ...client,
      run: async (script, ...rest) => {
        if (script.name !== scriptName || delayed) return client.run(script, ...rest)
        delayed = () => client.run(script, ...rest)
        throw new Error('it is still on its way')
      },
    },
    deliver: () => delayed!(),
  }
}

/**
 * A client that executes every script twice, like a driver that resends a request without a reply.
 */
export class RepeatingClient {
  readonly client: CacheClient
  readonly #sent: { readonly name: string; send(): Promise<unknown> }[] = []

  constructor(client: CacheClient) {
    this.client = {
      ...client,
      run: async (script, ...rest) => {
        const send = (): Promise<unknown> => client.run(script, ...rest)
        if (!script.readOnly) this.#sent.push({ name: script.name, send })
        await client.run(script, ...rest)
        return client.run(script, ...rest)
      },
    }
  }

  /** Executes everything that was sent so far once more, or only the calls of one script. */
  async repeat(scriptName?: string): Promise<void> {
    for (const { name, send } of [...this.#sent])
      if (scriptName === undefined || name === scriptName) await send()
  }
}
