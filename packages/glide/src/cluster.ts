import {
  CacheError,
  ServerError,
  slot,
  type Command,
  type CommandResult,
  type NodeHandle,
  type SendOptions,
} from '@cache/core'
import { closedError, primarySlots, unreachableError } from '@cache/core/driver-internal'
import { Backoff, groupBy, sleep, sleepUnlessAborted, withTimeLimit } from '@cache/core/internal'
import type { GlideClientConfiguration } from '@valkey/valkey-glide'
import type { Backend, BackendOptions } from './backend.js'
import { addressesOf } from './configuration.js'
import { configurationOf } from './glide-client.js'
import { redirectionOf } from './replies.js'
import { Server } from './server.js'

/**
 * The nodes of a Cluster, with one client of GLIDE for each.
 *
 * GLIDE's own client for Clusters is not used: while one node is silent, it also leaves the
 * commands for the other nodes unanswered.
 */
export class Cluster implements Backend {
  readonly #configuration: GlideClientConfiguration
  readonly #options: BackendOptions
  readonly #servers = new Map<string, Server>()
  /** The connections to nodes that own no slots any more. */
  readonly #retired = new Set<Server>()
  /** The address of the primary of each slot. */
  readonly #owners = Array.from<string | undefined>({ length: 16_384 })
  readonly #stop = new AbortController()
  #primaries: ReadonlySet<string> = new Set()
  #refreshing: Promise<void> | undefined
  #refreshedAt = -Infinity
  /** Resolves once the owners of the slots are known. */
  readonly #discovered: Promise<void>
  /** Resolves when the driver is closed. */
  readonly #ended: Promise<void>
  #lastError: Error | undefined

  constructor(configuration: GlideClientConfiguration, options: BackendOptions) {
    this.#configuration = configuration
    this.#options = options
    this.#ended = new Promise((resolve) =>
      this.#stop.signal.addEventListener('abort', () => resolve(), { once: true }),
    )
    this.#discovered = this.#discover()
  }

  send(
    commands: readonly Command[],
    { timeout = this.#options.timeout }: SendOptions = {},
  ): readonly Promise<CommandResult>[] {
    const started = performance.now()
    if (this.#stop.signal.aborted)
      return commands.map(async (command) => closedError(command, 'the driver is closed'))
    if (this.#primaries.size > 0) return this.#route(commands, { timeout, started })
    const discovered = this.#whenDiscovered(timeout).then((known) =>
      known ? this.#route(commands, { timeout, started }) : undefined,
    )
    return commands.map(async (command, index) => {
      const results = await discovered
      if (results) return results[index]!
      if (this.#stop.signal.aborted) return closedError(command, 'the driver was closed')
      return unreachableError(command, timeout ?? 0, this.#lastError)
    })
  }

  nodeOf(key: string): string | undefined {
    return this.#owners[slot(key)]
  }

  silentFor(node: string): number {
    return this.#servers.get(node)?.silentFor() ?? 0
  }

  sinceResend(): number {
    return Math.min(...[...this.#servers.values()].map((server) => server.sinceResend()))
  }

  async nodes(): Promise<readonly NodeHandle[]> {
    await this.#refreshIfOld()
    return [...this.#primaries].map((id) => ({
      id,
      send: (commands, options) => this.#server(id).send(commands, options),
    }))
  }

  async subscribeAt(channel: string | undefined): Promise<string> {
    await this.#refreshIfOld()
    const owner = channel === undefined ? undefined : this.nodeOf(channel)
    return owner ?? this.#anyPrimary()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all([...this.#servers.values(), ...this.#retired].map((server) => server.close()))
  }

  #server(address: string): Server {
    let server = this.#servers.get(address)
    if (!server) {
      const configuration = configurationOf(address, this.#configuration)
      server = new Server(configuration, this.#options, {
        isKnown: () => this.#primaries.has(address),
        rediscover: () => void this.#refresh().catch(() => undefined),
      })
      this.#servers.set(address, server)
      if (this.#stop.signal.aborted) void server.close()
    }
    return server
  }

  /** Sends the commands, with one batch for each node. */
  #route(commands: readonly Command[], deadline: Deadline): readonly Promise<CommandResult>[] {
    const results: Promise<CommandResult>[] = []
    const any = this.#anyPrimary()
    const byNode = groupBy(commands.keys(), (index) => {
      const [key] = commands[index]!.keys
      return (key === undefined ? undefined : this.nodeOf(key)) ?? any
    })
    for (const [address, indexes] of byNode) {
      const sent = this.#server(address).send(
        indexes.map((index) => commands[index]!),
        timeoutOf(remaining(deadline)),
      )
      for (const [i, index] of indexes.entries())
        results[index] = sent[i]!.then((result) =>
          isRedirection(result) ? this.#follow(commands[index]!, result, deadline) : result,
        )
    }
    return results
  }

  /** Sends a command again that a node did not execute, until it is executed or its time is up. */
  async #follow(
    command: Command,
    refusal: ServerError,
    deadline: Deadline,
  ): Promise<CommandResult> {
    const pause = new Backoff({ first: 10, max: 200 })
    let result: CommandResult = refusal
    while (isRedirection(result) && !this.#stop.signal.aborted) {
      const address = redirectionOf(result)
      if (result.code !== 'ASK') void this.#refresh().catch(() => undefined)
      if (!address) await sleep(Math.min(pause.next(), remaining(deadline) ?? Infinity))
      const left = remaining(deadline)
      if (left !== undefined && left < MIN_TIME_LEFT) return result
      const options = timeoutOf(left)
      if (result.code === 'ASK') {
        const replies = this.#server(address!).send([ASKING, command], options)
        result = await replies[1]!
      } else {
        const [key] = command.keys
        const owner = address || (key === undefined ? undefined : this.nodeOf(key))
        result = await this.#server(owner ?? this.#anyPrimary()).send([command], options)[0]!
      }
    }
    return result
  }

  /** Returns a primary that answers, if there is one. */
  #anyPrimary(): string {
    const all = [...this.#primaries]
    const usable = all.filter((address) => this.#servers.get(address)?.isUsable)
    const candidates = usable.length > 0 ? usable : all
    return candidates[Math.floor(Math.random() * candidates.length)] ?? this.#seeds()[0]!
  }

  #seeds(): readonly string[] {
    return addressesOf(this.#configuration)
  }

  async #discover(): Promise<void> {
    const backoff = new Backoff({ first: 50, max: 1_000 })
    while (!this.#stop.signal.aborted) {
      try {
        return await this.#refresh()
      } catch (error) {
        this.#lastError = error as Error
        await sleepUnlessAborted(backoff.next(), this.#stop.signal, { ref: false })
      }
    }
  }

  async #whenDiscovered(timeout: number | undefined): Promise<boolean> {
    const either = Promise.race([this.#discovered, this.#ended])
    try {
      await (timeout === undefined ? either : withTimeLimit(timeout, either, { ref: false }))
    } catch {
      return false
    }
    return !this.#stop.signal.aborted
  }

  async #refreshIfOld(): Promise<void> {
    if (!(await this.#whenDiscovered(this.#options.ownTimeout)))
      throw unreachableError(SLOTS, this.#options.ownTimeout, this.#lastError)
    if (performance.now() - this.#refreshedAt > OLD) await this.#refresh().catch(() => undefined)
  }

  /** Asks which node owns which slots. There is one request at a time. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#askForSlots().finally(() => (this.#refreshing = undefined))
    return this.#refreshing
  }

  async #askForSlots(): Promise<void> {
    const known = [...new Set([...this.#primaries, ...this.#seeds()])]
    const usable = known.filter((address) => this.#servers.get(address)?.isUsable)
    const candidates = usable.length > 0 ? usable.slice(0, MAX_ASKED) : known
    const slots = await Promise.any(
      candidates.map((address) => {
        const server = this.#server(address)
        const timeout = this.#options.ownTimeout
        return primarySlots(
          { send: (commands) => server.send(commands, { timeout }) },
          () => undefined,
        )
      }),
    ).catch((error: AggregateError) => {
      throw error.errors[0] ?? error
    })
    if (slots.size === 0) throw new CacheError('No node of the Cluster owns a slot.')
    for (const [address, ranges] of slots)
      for (const [first, last] of ranges) this.#owners.fill(address, first, last + 1)
    this.#primaries = new Set(slots.keys())
    this.#refreshedAt = performance.now()
    this.#closeUnknown()
  }

  /** Closes the connections to nodes that own no slots any more, once their commands have ended. */
  #closeUnknown(): void {
    for (const [address, server] of this.#servers) {
      if (this.#primaries.has(address)) continue
      this.#servers.delete(address)
      this.#retired.add(server)
      const timer = setTimeout(() => {
        this.#retired.delete(server)
        void server.close()
      }, RETIREMENT)
      timer.unref()
    }
  }
}

interface Deadline {
  readonly timeout: number | undefined
  readonly started: number
}

function remaining({ timeout, started }: Deadline): number | undefined {
  return timeout === undefined ? undefined : Math.max(0, started + timeout - performance.now())
}

function timeoutOf(timeout: number | undefined): SendOptions {
  return timeout === undefined ? {} : { timeout }
}

/** Whether a node refused a command that another node, or the same one later, executes. */
function isRedirection(result: CommandResult): result is ServerError {
  return result instanceof ServerError && REDIRECTIONS.has(result.code)
}

const REDIRECTIONS = new Set(['ASK', 'MOVED', 'TRYAGAIN', 'CLUSTERDOWN'])
const ASKING: Command = { args: ['ASKING'], keys: [] }
const SLOTS: Command = { args: ['CLUSTER', 'SLOTS'], keys: [] }
/** With less time in ms left, a command is not sent again. */
const MIN_TIME_LEFT = 1
/** The age in ms at which the owners of the slots are looked up again before they are listed. */
const OLD = 1_000
const MAX_ASKED = 3
const RETIREMENT = 5_000
