import { CacheError } from '../../errors.js'
import type { Reply } from '../command.js'
import type { Link } from './managed-connection.js'

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** The primaries of a Cluster: by `host:port`, the ranges of slots that each has. */
export type PrimarySlots = ReadonlyMap<string, readonly (readonly [first: number, last: number])[]>

/**
 * Where the primaries of a Cluster are, as one of its nodes says now, and as the client's own map
 * of addresses translates it.
 */
export async function primarySlots(
  link: Link,
  translate: (address: string) => HostAndPort | null | undefined,
): Promise<PrimarySlots> {
  const [reply] = await link.send([{ args: ['CLUSTER', 'SLOTS'], keys: [] }])
  if (reply instanceof CacheError) throw reply
  const primaries = new Map<string, (readonly [number, number])[]>()
  for (const [first, last, primary] of reply as readonly (readonly Reply[])[]) {
    const [host, port] = primary as readonly Reply[]
    const place = translate(`${String(host)}:${String(port)}`)
    const address = place ? `${place.host}:${place.port}` : `${String(host)}:${String(port)}`
    const ranges = primaries.get(address) ?? []
    ranges.push([Number(first), Number(last)])
    primaries.set(address, ranges)
  }
  return primaries
}

export function hostAndPort(address: string): HostAndPort {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}
