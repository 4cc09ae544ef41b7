import { hostname } from 'node:os'

/** The holder of a lock. */
export interface LockInspection {
  readonly host: string
  readonly pid: number
  /** The `label` that the holder acquired the lock with. */
  readonly label: string | undefined
  /** When the lock was acquired, by the server's clock. */
  readonly since: Date
  /** In ms: when the lock ends unless it is renewed. */
  readonly remaining: number
  readonly fence: number
  /** The number of waiters. */
  readonly waiting: number
}

/** The reply of `inspect.lua`. */
export interface StoredLock {
  /** `token fence since sequence ttl holder`, see `lock-value.lua`. */
  readonly value: string
  /** In ms. */
  readonly remaining: number
  readonly waiting: number
}

/** Returns a JSON description of this process as a holder. */
export function describeHolder(label: string | undefined): string {
  return label === undefined ? UNLABELLED : JSON.stringify({ host: HOST, pid: process.pid, label })
}

export function parseStoredLock({ value, remaining, waiting }: StoredLock): LockInspection {
  const [, fence = '0', since = '0'] = value.split(' ', 3)
  const { host = 'unknown', pid = 0, label } = parseHolderInfo(value)
  return {
    host,
    pid,
    label,
    since: new Date(Number(since)),
    remaining: Math.max(0, remaining),
    fence: Number(fence),
    waiting,
  }
}

function parseHolderInfo(value: string): { host?: string; pid?: number; label?: string } {
  const start = value.indexOf('{')
  try {
    return start < 0 ? {} : (JSON.parse(value.slice(start)) as object)
  } catch {
    return {}
  }
}

const HOST = hostname()
const UNLABELLED = JSON.stringify({ host: HOST, pid: process.pid })
