import { isIPv4, isIPv6 } from 'node:net'
import { InvalidOptionError, channels } from '@cache/core'
import { emit } from '@cache/core/internal'

/**
 * An id for the address of a client, as servers and proxies write it: with a port, in brackets, in
 * quotes, with a zone. Of a list, it is the
 * last: the others are what the client claims.
 *
 * - IPv4 is as it is. So is IPv4 that is written as IPv6: mapped (`::ffff:192.0.2.1`), NAT64
 *   (`64:ff9b::/96`), Teredo (`2001::/32`).
 * - IPv6 is folded to its network, as one customer gets a whole one (a /56, RFC 6177) and could
 *   send each request from another address of it;
 *   6to4 (`2002::/16`) to a /48, which belongs to one IPv4 address. Behind the local NAT64
 *   (`64:ff9b:1::/48`) each address is another client.
 * - What is no address (`unknown`, `_hidden`, nothing, as behind a unix socket) is `'unknown'`: one
 *   bucket for all of them. It is reported on
 *   `cache:error`.
 *
 * Source: RFC 7239, §6 (nodes); RFC 6052, 8215, 4380, 3056 (IPv4 in IPv6).
 *
 * @param prefix Bits of IPv6 that count: 1 to 128. Default 56.
 * @throws {InvalidOptionError} for another prefix. Behind a proxy, see to it that the address is
 * the client's.
 * @example addressKey('[2001:db8:0:1ff::1]:50000') // '2001:db8:0:100::/56'
 */
export function addressKey(address: string | null | undefined, prefix = 56): string {
  if (!Number.isInteger(prefix) || prefix < 1 || prefix > 128)
    throw new InvalidOptionError('prefix', 'a whole number from 1 to 128', prefix)
  const bare = bareOf(address)
  if (isIPv4(bare)) return bare
  if (isIPv6(bare)) return keyOfIPv6(groupsOf(bare), prefix)
  const error = new InvalidOptionError('address', 'an IPv4 or IPv6 address', address)
  emit(channels.error, () => ({ operation: 'ratelimit address', key: UNKNOWN, error }))
  return UNKNOWN
}

/** The id of all clients of which nothing is known. */
export const UNKNOWN = 'unknown'

/** Without a list before it, quotes, brackets, a port and a zone. */
function bareOf(address: unknown): string {
  if (typeof address !== 'string') return ''
  const last = address
    .slice(address.lastIndexOf(',') + 1)
    .trim()
    .replace(/^"(.*)"$/, '$1')
  const host = /^\[([^\]]*)\](?::\d+)?$/.exec(last)?.[1] ?? /^([^:]+):\d+$/.exec(last)?.[1] ?? last
  return host.replace(/%.*$/, '')
}

function keyOfIPv6(groups: readonly number[], prefix: number): string {
  const startsWith = (...start: number[]): boolean => start.every((group, i) => groups[i] === group)
  const [high, low] = [groups[6]!, groups[7]!]
  if (startsWith(0, 0, 0, 0, 0, 0xffff) || startsWith(0x64, 0xff9b, 0, 0, 0, 0))
    return dotted(high, low)
  if (startsWith(0x2001, 0)) return dotted(high ^ 0xffff, low ^ 0xffff)
  const bits = startsWith(0x64, 0xff9b, 1)
    ? 128
    : startsWith(0x2002)
      ? Math.min(48, prefix)
      : prefix
  const network = groups.map(
    (group, i) => group & (0xffff << Math.min(16, Math.max(0, 16 * (i + 1) - bits))) & 0xffff,
  )
  return `${canonical(network.map((group) => group.toString(16)).join(':'))}/${bits}`
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** The eight groups of an address. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = canonical(address).split('::')
  const parts = (text: string | undefined): number[] =>
    text ? text.split(':').map((group) => parseInt(group, 16)) : []
  const [before, after] = [parts(head), parts(tail)]
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
}

/** As RFC 5952 writes it; URL does so by itself. */
function canonical(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1)
}
