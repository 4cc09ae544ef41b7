import keyvTestSuite, { keyvIteratorTests, keyvNamespaceTest } from '@keyv/test-suite'
import type { CacheClient } from '@cache/core'
import { Keyv as Keyv5 } from 'keyv'
import { Keyv as Keyv6 } from 'keyv6'
import * as vitest from 'vitest'
import { createKeyvStore, type KeyvStore } from '../src/index.js'
import { onEach } from './cases.js'

onEach(
  ({ newClient }) => {
    let client: CacheClient | undefined
    const store = (): KeyvStore =>
      createKeyvStore({ client: (client ??= newClient()), prefix: 'suite' })

    vitest.describe('the test suite of Keyv, with Keyv 5', () => {
      keyvTestSuite(vitest, Keyv5, store)
    })

    vitest.describe('the iterator tests of Keyv, with Keyv 5', () => {
      keyvIteratorTests(vitest, Keyv5, store)
    })

    // The other parts of the suite expect results of Keyv 5: `false` for deleted keys that were not
    // there, an error for a symbol.
    vitest.describe('the iterator tests of Keyv, with Keyv 6', () => {
      keyvIteratorTests(vitest, Keyv6 as unknown as typeof Keyv5, store)
    })

    vitest.describe('the namespace tests of Keyv, with Keyv 6', () => {
      keyvNamespaceTest(vitest, Keyv6 as unknown as typeof Keyv5, store)
    })
  },
  { every: true },
)
