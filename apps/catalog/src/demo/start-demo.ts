import { NoRedisError, findOrInstallRedis } from '@cache/testkit'
import { startEnvironment, type CatalogEnvironment } from './environment.js'
import type { Log } from './log.js'
import { startMemoryEnvironment } from './memory-environment.js'
import { NOT_SHOWN_IN_MEMORY, scenarios, scenariosInMemory } from './scenarios.js'
import type { ScenarioResult } from './scenarios/scenario.js'

export interface Demo extends AsyncDisposable, Pick<CatalogEnvironment, 'catalogs'> {
  /** Where the data is: the URL of Redis, or the memory of this process. */
  readonly data: string
  readonly scenarios: readonly (() => Promise<ScenarioResult>)[]
  /** What this demo can not show, and why. */
  readonly skipped: readonly string[]
}

/**
 * Starts the demo on a Redis. If none can be found or installed, it says so, and starts the part of
 * the demo that runs in memory.
 */
export async function startDemo(log: Log): Promise<Demo> {
  if (await hasRedis(log)) {
    const environment = await startEnvironment(log)
    return {
      catalogs: environment.catalogs,
      data: environment.redis.url,
      scenarios: scenarios.map((scenario) => () => scenario(environment, log)),
      skipped: [],
      [Symbol.asyncDispose]: () => environment[Symbol.asyncDispose](),
    }
  }
  const environment = await startMemoryEnvironment(log)
  return {
    catalogs: environment.catalogs,
    data: 'in the memory of this process',
    scenarios: scenariosInMemory.map((scenario) => () => scenario(environment, log)),
    skipped: NOT_SHOWN_IN_MEMORY,
    [Symbol.asyncDispose]: () => environment[Symbol.asyncDispose](),
  }
}

async function hasRedis(log: Log): Promise<boolean> {
  try {
    await findOrInstallRedis()
    return true
  } catch (error) {
    if (!(error instanceof NoRedisError)) throw error
    log(`${error.message.replaceAll('\n', '\n  ')}`)
    log(
      'without a Redis, the demo runs in the memory of one process: "both processes" are two ' +
        'services in it, and some scenarios are skipped',
    )
    return false
  }
}
