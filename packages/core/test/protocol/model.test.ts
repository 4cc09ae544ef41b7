import { describe, expect, it } from 'vitest'
import { explore, rules, versionRules, type Setting } from './model.js'

const setting: Setting = { writers: 2, invalidators: 1, readers: 1, reads: 2, versions: false }

describe(
  'the entry protocol, in every interleaving of two writers, an invalidator, a reader, evictions, expiries and crashes',
  { timeout: 120_000 },
  () => {
    it('never lets a read return less than was settled before it began', () => {
      const { states, violation } = explore(setting)
      expect(violation).toBeUndefined()
      expect(states).toBeGreaterThan(100_000)
    })

    it('never does so with versions either', () => {
      const { states, violation } = explore({ ...setting, versions: true })
      expect(violation).toBeUndefined()
      expect(states).toBeGreaterThan(100_000)
    })

    it('never does so with two readers that race each other', () => {
      expect(explore({ ...setting, writers: 1, readers: 2 }).violation).toBeUndefined()
    })

    it.each(rules)('needs the rule "%s": a stale read without it', (rule) => {
      expect(explore({ ...setting, without: rule }).violation).toBeDefined()
    })

    it.each(versionRules)(
      'needs, with versions, the rule "%s": a stale read without it',
      (rule) => {
        expect(explore({ ...setting, versions: true, without: rule }).violation).toBeDefined()
      },
    )
  },
)
