import { runDriverTests } from '@cache/core/driver-tests'
import { describe, it } from 'vitest'
import { memoryDriver } from '../src/index.js'

runDriverTests(() => memoryDriver(), { describe, it })
