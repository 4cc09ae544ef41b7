import { CacheError } from '../errors.js'
import type { Reply } from './driver.js'
import type { Link } from './link.js'

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** Where the primaries of a Cluster are, as one of its nodes says now, and as the client's own map of addresses translates it. */
export async function primaryAddresses(link: Link, translate: (address: string) => HostAndPort | null | undefined): Promise<readonly string[]> {
  const [reply] = await link.send([{ args: ['CLUSTER', 'SLOTS'], keys: [] }])
  if (reply instanceof CacheError) throw reply
  const addresses = (reply as readonly (readonly Reply[])[]).map((range) => {
    const [host, port] = range[2] as readonly Reply[]
    const place = translate(`${String(host)}:${String(port)}`)
    return place ? `${place.host}:${place.port}` : `${String(host)}:${String(port)}`
  })
  return [...new Set(addresses)]
}

export function hostAndPort(address: string): HostAndPort {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}
