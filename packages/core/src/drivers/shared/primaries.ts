import { CacheError } from '../../errors.js'
import type { Reply } from '../command.js'
import type { Connection } from '../driver.js'

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** The primaries of a Cluster: the ranges of slots of each, by `host:port`. */
export type PrimarySlots = ReadonlyMap<string, readonly (readonly [first: number, last: number])[]>

/**
 * Asks a node of a Cluster for the primaries and their slots. `translate` is the address map of the
 * client.
 */
export async function primarySlots(
  connection: Pick<Connection, 'send'>,
  translate: (address: string) => HostAndPort | null | undefined,
): Promise<PrimarySlots> {
  const reply = await connection.send([{ args: ['CLUSTER', 'SLOTS'], keys: [] }])[0]!
  if (reply instanceof CacheError) throw reply
  const primaries = new Map<string, (readonly [number, number])[]>()
  for (const [first, last, primary] of reply as readonly (readonly Reply[])[]) {
    const [host, port] = primary as readonly Reply[]
    const translated = translate(`${String(host)}:${String(port)}`)
    const address = translated
      ? `${translated.host}:${translated.port}`
      : `${String(host)}:${String(port)}`
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
