import {
  CacheError,
  CommandTimeoutError,
  ConnectionError,
  ServerError,
  summaryOf,
} from '../../errors.js'

/** The kind of a failure: failures of one kind share a line in the log. */
export interface FailureKind {
  /** Identifies the kind: `ECONNREFUSED`, `timeout`, `NOPERM GET`. */
  readonly label: string
  /** Whether the server did not answer. Such a failure ends with the next reply. */
  readonly outage: boolean
  /** A clause that describes the failure. */
  readonly text: string
}

/**
 * Returns the kind of a failed command. Returns `undefined` for an error that concerns its caller
 * alone: the client was closed, or the command itself is wrong.
 */
export function kindOf(error: CacheError): FailureKind | undefined {
  if (error instanceof CommandTimeoutError)
    return { label: 'timeout', outage: true, text: reasonOf(error) }
  if (error instanceof ConnectionError) {
    if (error.code === 'CLOSED') return undefined
    if (error.code === 'OVERLOADED')
      return { label: error.code, outage: false, text: error.message }
    const label = error.code === 'CIRCUIT_OPEN' ? 'circuit open' : connectionLabel(error)
    return { label, outage: true, text: reasonOf(error) }
  }
  if (error instanceof ServerError && SERVER_TROUBLE.has(error.code)) {
    const label = [error.code, error.code === 'NOPERM' && error.command].filter(Boolean).join(' ')
    return { label, outage: false, text: error.message }
  }
  return error.code === 'DRIVER'
    ? { label: error.code, outage: false, text: error.message }
    : undefined
}

/** Returns the kind of an error that no caller received. */
export function unseenKindOf(operation: string, error: unknown, key?: string): FailureKind {
  const name = error instanceof CacheError ? error.code : error instanceof Error ? error.name : ''
  const subject = key === undefined ? operation : `${operation} (${key})`
  return {
    label: `${operation} ${name}`.trim(),
    outage: false,
    text: `A failure that no caller received, of ${subject}: ${summaryOf(error)}`,
  }
}

/**
 * Returns why a command failed, in a few words without a full stop: the error of the connection
 * where there is one.
 *
 * @example reasonOf(error) // 'connect ECONNREFUSED 127.0.0.1:6379'
 */
export function reasonOf(error: CacheError): string {
  const { cause } = error
  if (cause instanceof CacheError) return reasonOf(cause)
  const text = cause instanceof Error && cause.message !== '' ? cause.message : error.message
  return text.split(/\.(?: |$)/, 1)[0]!
}

function connectionLabel({ cause }: ConnectionError): string {
  if (!(cause instanceof Error)) return 'connection'
  const { code } = cause as { readonly code?: unknown }
  return typeof code === 'string'
    ? code
    : (/^[A-Z]{4,}(?= )/.exec(cause.message)?.[0] ?? 'connection')
}

/** The codes of replies that say something about the server or the user, not about one command. */
const SERVER_TROUBLE = new Set([
  'BUSY',
  'CLUSTERDOWN',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'NOAUTH',
  'NOPERM',
  'NOREPLICAS',
  'OOM',
  'READONLY',
  'TRYAGAIN',
  'WRONGPASS',
])
