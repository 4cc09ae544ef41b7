import { hostname } from 'node:os'
import type { Claim, Granted, Ground } from './backend.js'

/** What a ground of named locks can do besides. */
export interface LockGround extends Ground {
  /** All of them at once, under one token; `undefined`: not all are free, or they live apart. */
  takeAll?(claims: readonly Claim[]): Promise<readonly Granted[] | undefined>
  inspect(key: string): Promise<LockInspection | undefined>
  forceRelease(key: string): Promise<boolean>
}

/** Who holds a lock. */
export interface LockInspection {
  readonly host: string
  readonly pid: number
  /** What the holder called itself, see `label`. */
  readonly label: string | undefined
  /** When it was acquired, by the server's clock. */
  readonly since: Date
  /** Ms until it ends unless it is renewed. */
  readonly remaining: number
  readonly fence: number
  /** How many wait for it. */
  readonly waiting: number
}

/** Tells one holder from another, also of the same process. */
export interface Found {
  /** `token fence since about`. */
  readonly value: string
  readonly remaining: number
  readonly waiting: number
}

/** What `inspect` shows of this process. */
export function aboutMe(label: string | undefined): string {
  return label === undefined ? ME : JSON.stringify({ host: HOST, pid: process.pid, label })
}

export function parseHolder({ value, remaining, waiting }: Found): LockInspection {
  const [, fence = '0', since = '0'] = value.split(' ', 3)
  const { host = 'unknown', pid = 0, label } = aboutIn(value)
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

function aboutIn(value: string): { host?: string; pid?: number; label?: string } {
  const start = value.indexOf('{')
  try {
    return start < 0 ? {} : (JSON.parse(value.slice(start)) as object)
  } catch {
    return {}
  }
}

const HOST = hostname()
const ME = JSON.stringify({ host: HOST, pid: process.pid })
