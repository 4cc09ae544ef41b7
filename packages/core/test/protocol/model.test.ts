import { describe, expect, it } from 'vitest'
import { explore } from './explore.js'
import { rules, versionRules, type Setting } from './model.js'

const setting: Setting = { writers: 2, invalidators: 1, readers: 1, reads: 2, versions: false }

describe(
  'the entry protocol, in every interleaving of its actors, evictions, expiries and crashes',
  { timeout: 120_000 },
  () => {
    it('never lets a read return less than was settled before it began', () => {
      const { states, violation } = explore(setting)
      expect(violation).toBeUndefined()
      expect(states).toBeGreaterThan(100_000)
    })

    it('never does so with versions', () => {
      const { states, violation } = explore({ ...setting, versions: true })
      expect(violation).toBeUndefined()
      expect(states).toBeGreaterThan(100_000)
    })

    it('never does so with two concurrent readers', () => {
      expect(explore({ ...setting, writers: 1, readers: 2 }).violation).toBeUndefined()
    })

    it.each(rules)('has a stale read without the rule "%s"', (rule) => {
      expect(explore({ ...setting, without: rule }).violation).toBeDefined()
    })

    it.each(versionRules)('has a stale read, with versions, without the rule "%s"', (rule) => {
      expect(explore({ ...setting, versions: true, without: rule }).violation).toBeDefined()
    })
  },
)
