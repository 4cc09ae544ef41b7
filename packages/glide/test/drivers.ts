import type { Address, RedisServer } from '@cache/testkit'
import { CacheError, type Command, type Driver, type Reply } from '@cache/core'
import { Logger } from '@valkey/valkey-glide'
import { glideDriver, type GlideDriverOptions } from '../src/index.js'

Logger.setLoggerConfig('off')

export type Made = Driver & AsyncDisposable

export function onServer(
  { host, port }: Pick<RedisServer, 'host' | 'port'>,
  options?: GlideDriverOptions,
  credentials?: { username: string; password: string },
): Made {
  const configuration = { addresses: [{ host, port }], ...(credentials && { credentials }) }
  return disposable(glideDriver(configuration, options))
}

/** A driver for a primary and its replicas. */
export function onServers(addresses: readonly Address[]): Made {
  return disposable(glideDriver({ addresses: [...addresses] }))
}

export function onCluster(addresses: readonly Address[], options?: GlideDriverOptions): Made {
  const configuration = { addresses: addresses.map(({ host, port }) => ({ host, port })) }
  return disposable(glideDriver(configuration, { ...options, topology: 'cluster' }))
}

function disposable(driver: Driver): Made {
  return Object.assign(driver, { [Symbol.asyncDispose]: () => driver.close() })
}

export function on(key: string, ...args: [string, ...(string | Buffer)[]]): Command {
  return { args, keys: [key] }
}

/** Sends one command, and returns the reply or the error. */
export async function answer(
  driver: Pick<Driver, 'send'>,
  command: Command,
  timeout = 5_000,
): Promise<Reply | CacheError> {
  return driver.send([command], { timeout })[0]!
}

/** Waits until a command is answered again. */
export async function recovered(driver: Driver, key = 'recovered'): Promise<void> {
  const until = performance.now() + 20_000
  for (;;) {
    const reply = await answer(driver, on(key, 'ECHO', 'on'), 500)
    if (!(reply instanceof CacheError)) return
    if (performance.now() > until) throw reply
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
