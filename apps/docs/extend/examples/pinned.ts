import { createHash } from 'node:crypto'
import { InvalidOptionError } from '@cache/core'
import type { Placement } from '@cache/sharding'

/**
 * Puts named hash tags on the shards that you choose, and all other keys where `rest` puts them.
 * Use it to give a large tenant a server of its own.
 */
export function pinned(pins: Readonly<Record<string, string>>, rest: Placement): Placement {
  const entries = Object.entries(pins).sort(([a], [b]) => (a < b ? -1 : 1))
  const version = createHash('sha256').update(JSON.stringify(entries)).digest('hex').slice(0, 16)
  return {
    // Processes compare this name, so it must differ when the pins do.
    name: `pinned ${version}, ${rest.name}`,
    build(shards) {
      const indexes = new Map(
        entries.map(([tag, shard]) => {
          const index = shards.findIndex(({ name }) => name === shard)
          if (index === -1)
            throw new InvalidOptionError(`pins.${tag}`, 'the name of a shard', shard)
          return [tag, index]
        }),
      )
      const place = rest.build(shards)
      return (text) => indexes.get(text) ?? place(text)
    },
  }
}
