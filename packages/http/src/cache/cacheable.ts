import CachePolicy from 'http-cache-semantics'
import { listed } from '../headers.js'
import { parseHttpDate } from './dates.js'
import { formatDirectives, parseDirectives, seconds, type Directives } from './directives.js'

/** How long a response may be served. Milliseconds. */
export interface Lifetime {
  /** The Age that it arrived with. */
  readonly age: number
  readonly freshFor: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
}

export interface CacheRules {
  /** The lifetime of responses without one of their own. */
  readonly defaultTtl: number | undefined
  readonly maxTtl: number
  /** The request headers that make a response private. */
  readonly credentials: readonly string[]
}

/**
 * Returns how long a shared cache may serve a response, or `undefined` if it must not store it.
 * `http-cache-semantics` decides by RFC 9111. On top of that,
 *
 * - a response with Set-Cookie is never stored;
 * - a response to a request with credentials is stored only if it says `public` or `s-maxage`, or
 *   if its Vary names each of them;
 * - a response that never is fresh is not stored, unless it may be served stale meanwhile.
 */
export function lifetimeOf(
  request: Request,
  response: Response,
  rules: CacheRules,
): Lifetime | undefined {
  const { headers, status } = response
  if (headers.has('set-cookie') || status === 206 || variesByAnything(headers)) return undefined
  const { directives, expires } = freshnessFields(headers)
  const hasCredentials = rules.credentials.some((name) => request.headers.has(name))
  if (hasCredentials && !allowsCredentials(request, headers, directives, rules)) return undefined

  const policy = new CachePolicy(
    { method: 'GET', url: request.url, headers: authorizationOf(request) },
    {
      status,
      headers: {
        ...(directives.size > 0 && { 'cache-control': formatDirectives(directives) }),
        ...pick(headers, ['date', 'pragma']),
        ...(/^\s*\d+\s*\./.test(headers.get('age') ?? '') ? {} : pick(headers, ['age'])),
        ...(expires !== undefined && { expires }),
      },
    },
    { shared: true, cacheHeuristic: 0, immutableMinTimeToLive: 0 },
  )
  if (!policy.storable() || directives.has('no-cache')) return undefined
  const isExplicit =
    directives.has('max-age') || directives.has('s-maxage') || expires !== undefined
  const byDefault =
    !isExplicit && !hasCredentials && CACHEABLE_BY_DEFAULT.has(status) && !isEventStream(headers)
      ? rules.defaultTtl
      : undefined
  const age = Math.max(0, Math.floor(policy.age())) * 1_000
  const left = byDefault ?? policy.maxAge() * 1_000 - age
  // Such a response is never served stale: RFC 9111, §5.2.2.2 and §5.2.2.8.
  const isStrict = directives.has('must-revalidate') || directives.has('proxy-revalidate')
  const staleSince = Math.max(0, -left)
  const staleFor = (name: string): number =>
    isStrict ? 0 : Math.max(0, (seconds(directives, name) ?? 0) * 1_000 - staleSince)
  const lifetime = {
    age,
    freshFor: Math.min(rules.maxTtl, Math.floor(left)),
    staleWhileRevalidate: staleFor('stale-while-revalidate'),
    staleIfError: staleFor('stale-if-error'),
  }
  if (lifetime.freshFor > 0) return lifetime
  return lifetime.staleWhileRevalidate > 0 ? { ...lifetime, freshFor: 1 } : undefined
}

/** Statuses that the option `defaultTtl` applies to: no errors, and no missing pages. */
const CACHEABLE_BY_DEFAULT = new Set([200, 203, 204, 300, 301, 308])

/** A stream of events has no end, so that it could be stored. */
function isEventStream(headers: Headers): boolean {
  return /^\s*text\/event-stream\b/i.test(headers.get('content-type') ?? '')
}

/** Returns what a response says about its freshness, in a form that leaves no doubt. */
function freshnessFields(headers: Headers): { directives: Directives; expires?: string } {
  // Directives for caches like this one count instead of all others (RFC 9213, §2.2).
  const targeted = headers.get('cdn-cache-control')
  if (targeted !== null && isDictionary(targeted))
    return { directives: withoutMustUnderstand(parseDirectives(targeted)) }
  const directives = withoutMustUnderstand(parseDirectives(headers.get('cache-control')))
  const field = headers.get('expires')
  if (field === null) return { directives }
  const time = parseHttpDate(field)
  return { directives, expires: Number.isNaN(time) ? '0' : new Date(time).toUTCString() }
}

/** Returns whether a field is a dictionary of structured fields, roughly (RFC 9651, §3.2). */
function isDictionary(field: string): boolean {
  return field
    .split(',')
    .every((member) => /^\s*[a-z*][\w.*-]*(?:=(?:\d+|\?[01]))?\s*(?:;|$)/.test(member))
}

/** A cache that knows `must-understand` and the status ignores `no-store` (RFC 9111, §5.2.2.3). */
function withoutMustUnderstand(directives: Directives): Directives {
  if (!directives.has('must-understand')) return directives
  return new Map([...directives].filter(([name]) => name !== 'no-store'))
}

/** A response that varies by anything fits no other request. */
function variesByAnything(headers: Headers): boolean {
  return listed(headers.get('vary')).includes('*')
}

function allowsCredentials(
  request: Request,
  response: Headers,
  directives: Directives,
  { credentials }: CacheRules,
): boolean {
  if (directives.has('public') || directives.has('s-maxage')) return true
  const varies = listed(response.get('vary'))
  return credentials.every(
    (name) => !request.headers.has(name) || (name !== 'authorization' && varies.includes(name)),
  )
}

function authorizationOf(request: Request): Record<string, string> {
  const authorization = request.headers.get('authorization')
  return authorization === null ? {} : { authorization }
}

function pick(headers: Headers, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers.get(name)
      return value === null ? [] : [[name, value]]
    }),
  )
}
