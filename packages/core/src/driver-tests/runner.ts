import type { Driver } from '../drivers/driver.js'

/**
 * The functions of a test runner that `runDriverTests` needs. vitest, node:test, jest and mocha
 * have them.
 */
export interface Runner {
  describe(name: string, body: () => void): unknown
  it(name: string, test: () => Promise<void>): unknown
}

/** The options of `runDriverTests`. */
export interface DriverTestsOptions {
  /**
   * `false` if the client cannot open another connection. `dedicate` must then reject with the code
   * `UNSUPPORTED`.
   */
  readonly dedicates?: boolean
}

/** What the groups of tests are defined with. */
export interface TestDefinition {
  readonly describe: Runner['describe']
  /** Defines a test with a driver of its own, and with keys of its own in one group. */
  check(
    name: string,
    test: (driver: Driver, key: (name: string) => string) => Promise<void>,
  ): unknown
}
