import { isIPv4, isIPv6 } from 'node:net'
import { InvalidOptionError, channels } from '@cache/core'
import { emit } from '@cache/core/internal'

/**
 * Returns the rate limit id of a client address. It accepts addresses as servers and proxies write
 * them: with a port, in brackets, in quotes, with a zone. In a list it takes the last address,
 * because the others are claims of the client.
 *
 * - IPv4 addresses are returned unchanged. IPv4 written as IPv6 is returned as IPv4: mapped
 *   (`::ffff:192.0.2.1`), NAT64 (`64:ff9b::/96`), Teredo (`2001::/32`).
 * - IPv6 addresses are folded to their network. One customer gets a whole network (a /56, RFC 6177)
 *   and could send each request from another address of it. 6to4 (`2002::/16`) is folded to a /48,
 *   which belongs to one IPv4 address. Behind local NAT64 (`64:ff9b:1::/48`), each address is
 *   another client.
 * - Anything else (`unknown`, `_hidden`, nothing, as behind a unix socket) becomes `'unknown'`, so
 *   that all such clients share one bucket. It is reported on `cache:error`.
 *
 * Behind a proxy, make sure that the address is the client's.
 *
 * Source: RFC 7239, §6 (nodes); RFC 6052, 8215, 4380, 3056 (IPv4 in IPv6).
 *
 * @param prefix The number of bits of an IPv6 address that count: 1 to 128. Default 56.
 * @throws {InvalidOptionError} for any other prefix.
 * @example addressKey('[2001:db8:0:1ff::1]:50000') // '2001:db8:0:100::/56'
 */
export function addressKey(address: string | null | undefined, prefix = 56): string {
  if (!Number.isInteger(prefix) || prefix < 1 || prefix > 128)
    throw new InvalidOptionError('prefix', 'a whole number from 1 to 128', prefix)
  const bare = bareAddress(address)
  if (isIPv4(bare)) return bare
  if (isIPv6(bare)) return keyOfIPv6(groupsOf(bare), prefix)
  const error = new InvalidOptionError('address', 'an IPv4 or IPv6 address', address)
  emit(channels.error, () => ({ operation: 'ratelimit address', key: UNKNOWN_ID, error }))
  return UNKNOWN_ID
}

/** The id of all clients whose address or id is unknown. */
export const UNKNOWN_ID = 'unknown'

/** Strips the rest of a list, quotes, brackets, a port and a zone. */
export function bareAddress(address: unknown): string {
  if (typeof address !== 'string') return ''
  const last = address
    .slice(address.lastIndexOf(',') + 1)
    .trim()
    .replace(/^"(.*)"$/, '$1')
  const host = /^\[([^\]]*)\](?::\d+)?$/.exec(last)?.[1] ?? /^([^:]+):\d+$/.exec(last)?.[1] ?? last
  return host.replace(/%.*$/, '')
}

/** Returns the IPv4 address of an IPv4-mapped IPv6 address (`::ffff:0:0/96`). */
export function mappedIPv4(address: string): string | undefined {
  const groups = groupsOf(address)
  const isMapped = [0, 0, 0, 0, 0, 0xffff].every((group, i) => groups[i] === group)
  return isMapped ? toIPv4(groups[6]!, groups[7]!) : undefined
}

function keyOfIPv6(groups: readonly number[], prefix: number): string {
  const startsWith = (...start: number[]): boolean => start.every((group, i) => groups[i] === group)
  const [high, low] = [groups[6]!, groups[7]!]
  if (startsWith(0, 0, 0, 0, 0, 0xffff) || startsWith(0x64, 0xff9b, 0, 0, 0, 0))
    return toIPv4(high, low)
  if (startsWith(0x2001, 0)) return toIPv4(high ^ 0xffff, low ^ 0xffff)
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

function toIPv4(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** Returns the eight 16-bit groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = canonical(address).split('::')
  const parse = (text: string | undefined): number[] =>
    text ? text.split(':').map((group) => parseInt(group, 16)) : []
  const [before, after] = [parse(head), parse(tail)]
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
}

/** Returns the text form of RFC 5952, which `URL` produces. */
function canonical(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1)
}
