import type { Driver } from '../drivers/driver.js'
import { createToken } from '../util/token.js'
import { defineConnectionTests } from './connections.js'
import { defineReplyTests } from './replies.js'
import { defineRoutingTests } from './routing.js'
import type { DriverTestsOptions, Runner, TestDefinition } from './runner.js'

export type { DriverTestsOptions, Runner } from './runner.js'

/**
 * Defines the conformance suite for drivers. If it passes, every pattern works on the driver. It
 * needs a separate Redis, to which it writes.
 *
 * @example
 * import { describe, it } from 'vitest'
 * runDriverTests(async () => myDriver(await connect(process.env.REDIS_URL)), { describe, it })
 */
export function runDriverTests(
  makeDriver: () => Driver | Promise<Driver>,
  { describe, it }: Runner,
  { dedicates = true }: DriverTestsOptions = {},
): void {
  const runToken = createToken()
  let testNumber = 0
  const check: TestDefinition['check'] = (name, test) =>
    it(name, async () => {
      const driver = await makeDriver()
      const testPrefix = `driver-tests:${runToken}:${++testNumber}`
      try {
        await test(driver, (name) => `{${testPrefix}}:${name}`)
      } finally {
        await driver.close()
      }
    })
  const definition = { describe, check }
  defineReplyTests(definition)
  defineRoutingTests(definition)
  defineConnectionTests(definition, dedicates)
}
