import { isIPv4, isIPv6 } from 'node:net'
import { InvalidOptionError } from '@cache/core'

/**
 * An id for an address: IPv4 as it is, IPv6 folded to its network, as one customer gets a whole one (a /56, RFC 6177) and could send each
 * request from another address of it. IPv4 in IPv6 (`::ffff:192.0.2.1`) is IPv4.
 *
 * @param prefix Bits of IPv6 that count: 1 to 128. Default 56.
 * @throws {InvalidOptionError} for what is no address. Behind a proxy, see to it that it is the client's.
 * @example addressKey('2001:db8:0:1ff::1') // '2001:db8:0:100::/56'
 */
export function addressKey(address: string | undefined, prefix = 56): string {
  if (!Number.isInteger(prefix) || prefix < 1 || prefix > 128) throw new InvalidOptionError('prefix', 'a whole number from 1 to 128', prefix)
  const bare = typeof address === 'string' ? address.replace(/%.*$/, '') : ''
  if (isIPv4(bare)) return bare
  if (!isIPv6(bare)) throw new InvalidOptionError('address', 'an IPv4 or IPv6 address', address)
  const groups = groupsOf(bare)
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return [groups[6]! >> 8, groups[6]! & 255, groups[7]! >> 8, groups[7]! & 255].join('.')
  const network = groups.map((group, i) => group & (0xffff << Math.min(16, Math.max(0, 16 * (i + 1) - prefix))) & 0xffff)
  return `${canonical(network.map((group) => group.toString(16)).join(':'))}/${prefix}`
}

/** The eight groups of an address. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = canonical(address).split('::')
  const parts = (text: string | undefined): number[] => (text ? text.split(':').map((group) => parseInt(group, 16)) : [])
  const [before, after] = [parts(head), parts(tail)]
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
}

/** As RFC 5952 writes it; URL does so by itself. */
function canonical(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1)
}
