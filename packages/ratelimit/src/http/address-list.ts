import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { InvalidOptionError } from '@cache/core'
import { bareAddress, mappedIPv4 } from './address.js'

/** Returns whether an address is on a list. */
export type AddressList = (address: string | null | undefined) => boolean

/**
 * Creates a list of addresses and networks, for the functions `skip` and `deny` of the adapters.
 * An entry is an IPv4 or IPv6 address, or a network in CIDR notation.
 *
 * - The list accepts addresses as servers and proxies write them, as `addressKey` does: with a
 *   port, in brackets, in quotes, with a zone. Of a list of addresses, the last one counts.
 * - An IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) is that IPv4 address, in an entry
 *   too.
 * - What is no address is on no list. An id of `addressKey` for IPv6 is a network and no address,
 *   so pass the address of the request.
 *
 * @throws {InvalidOptionError} for an entry that is not an address or a network, naming its index.
 * @example
 * const internal = addressList(['10.0.0.0/8', 'fd00::/8', '192.0.2.7'])
 * app.use(rateLimit({ limiter, skip: (request) => internal(request.ip) }))
 */
export function addressList(entries: readonly string[]): AddressList {
  if (!Array.isArray(entries))
    throw new InvalidOptionError('entries', 'an array of addresses and networks', entries)
  const list = new BlockList()
  for (const [i, entry] of entries.entries()) addEntry(list, entry, `entries[${i}]`)
  return (address) => {
    const bare = bareAddress(address)
    if (isIPv4(bare)) return list.check(bare, 'ipv4')
    if (!isIPv6(bare)) return false
    const ipv4 = mappedIPv4(bare)
    return ipv4 === undefined ? list.check(bare, 'ipv6') : list.check(ipv4, 'ipv4')
  }
}

function addEntry(list: BlockList, entry: unknown, option: string): void {
  const match = typeof entry === 'string' ? /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(entry.trim()) : null
  const address = match?.[1] ?? ''
  const bits = isIPv4(address) ? 32 : 128
  const prefix = match?.[2] === undefined ? bits : Number(match[2])
  if ((!isIPv4(address) && !isIPv6(address)) || prefix > bits)
    throw new InvalidOptionError(option, "an address, or a network such as '10.0.0.0/8'", entry)
  const ipv4 = isIPv4(address) ? address : mappedIPv4(address)
  // A network of IPv6 addresses that contains all mapped ones stays what it is.
  if (ipv4 !== undefined && prefix >= bits - 32) list.addSubnet(ipv4, prefix - (bits - 32), 'ipv4')
  else list.addSubnet(address, prefix, 'ipv6')
}
