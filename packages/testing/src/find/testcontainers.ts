import { createRequire } from 'node:module'

/**
 * Returns the package `testcontainers`, or `undefined` if it is not installed. It is required, not
 * imported, because jest does not support `import()` without flags.
 */
export function loadTestcontainers(): typeof import('testcontainers') | undefined {
  const require = createRequire(typeof __filename === 'string' ? __filename : import.meta.url)
  try {
    return require('testcontainers') as typeof import('testcontainers')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}
