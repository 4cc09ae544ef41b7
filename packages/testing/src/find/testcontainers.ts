import { createRequire } from 'node:module'
import type * as Testcontainers from 'testcontainers'

/**
 * Returns the package `testcontainers`, or `undefined` if it is not installed. It is required, not
 * imported, because jest does not support `import()` without flags.
 */
export function loadTestcontainers(): typeof Testcontainers | undefined {
  const require = createRequire(typeof __filename === 'string' ? __filename : import.meta.url)
  try {
    return require('testcontainers') as typeof Testcontainers
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}
