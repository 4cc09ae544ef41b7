/** Why a request went to the handler (RFC 9211, §2.2). */
export type Forwarded = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'stale'

/** The parameters of Cache-Status that this cache sends. */
export interface CacheStatus {
  readonly hit?: boolean
  readonly fwd?: Forwarded
  readonly fwdStatus?: number | undefined
  /** Seconds of freshness that are left. */
  readonly ttl?: number
  readonly stored?: boolean
  readonly collapsed?: boolean
  readonly detail?: string
}

/** Returns the member that this cache adds to Cache-Status (RFC 9211). */
export function formatCacheStatus(name: string, status: CacheStatus): string {
  const { hit, fwd, fwdStatus, ttl, stored, collapsed, detail } = status
  return [
    quoted(name),
    hit && 'hit',
    fwd && `fwd=${fwd}`,
    fwdStatus !== undefined && `fwd-status=${fwdStatus}`,
    ttl !== undefined && Number.isFinite(ttl) && `ttl=${Math.floor(ttl)}`,
    stored && 'stored',
    collapsed && 'collapsed',
    detail !== undefined && `detail=${detail}`,
  ]
    .filter(Boolean)
    .join('; ')
}

/** A token if it is one, and a string otherwise (RFC 8941, §3.3). */
function quoted(name: string): string {
  return /^[A-Za-z*][\w!#$%&'*+.^`|~:/-]*$/.test(name) ? name : JSON.stringify(name)
}
