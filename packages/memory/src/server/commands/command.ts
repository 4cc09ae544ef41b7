import type { Database } from '../database.js'
import type { ServerReply } from '../reply.js'

/** What a command can reach. */
export interface Context {
  readonly database: Database
  /** The server's clock, in µs. */
  readonly micros: () => number
  /** Ms. */
  readonly now: () => number
  /** Delivers a message. Returns how many received it. */
  publish(channel: string, payload: string): number
  /** Of each key that changes. */
  changed(key: string): void
}

/** Runs one command; the name is not part of the arguments. Throws a `RedisError`. */
export type Handler = (context: Context, args: readonly string[]) => ServerReply

export interface CommandSpec {
  /** Arguments that it needs, without its name. */
  readonly least: number
  /** The most that it takes. Default: any number. */
  readonly most?: number
  /** Whether it may change a key. */
  readonly writes?: boolean
  /** Whether a full server refuses it. */
  readonly grows?: boolean
  readonly run: Handler
}

export type Commands = Readonly<Record<string, CommandSpec>>

export function reads(least: number, run: Handler): CommandSpec {
  return { least, run }
}

/** A command with exactly so many arguments. */
export function exactly(spec: CommandSpec): CommandSpec {
  return { ...spec, most: spec.least }
}

/** It may need memory. */
export function grows(least: number, run: Handler): CommandSpec {
  return { least, writes: true, grows: true, run }
}

/** It changes something, and needs no memory. */
export function changes(least: number, run: Handler): CommandSpec {
  return { least, writes: true, run }
}
