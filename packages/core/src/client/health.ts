import type { Circuit, Driver, NodeHandle } from '../drivers/driver.js'
import { CacheError, summaryOf } from '../errors.js'
import type { Duration } from '../util/duration.js'
import { durationOption, readOptions, type OptionTable } from '../util/options.js'
import type { FailureLog } from './failures/failure-log.js'
import { healthPartsOf, type HealthPart } from './health-parts.js'
import { within } from './within.js'

/** Options of `CacheClient.health`. */
export interface HealthOptions {
  /** How long the check may take. Default: `resilience.writeTimeout`. */
  readonly timeout?: Duration
}

/** The rows of `HealthOptions`. */
const healthOptions = {
  timeout: durationOption(),
} satisfies OptionTable<HealthOptions>

/** The state of a client: see `CacheClient.health`. */
export interface ClientHealth {
  /** Whether every primary has answered this check. */
  readonly reachable: boolean
  /** Since when that is so, as far as the commands of this client have shown. */
  readonly since: Date
  /** The longest round trip of this check in ms; `undefined` if no primary has answered. */
  readonly roundTripMs: number | undefined
  /** `open` if the circuit of any node is open. */
  readonly breaker: Circuit
  /** Why Redis is not reachable: a message without passwords and values. */
  readonly error: string | undefined
  /** One for each primary; empty if the client has found none. */
  readonly nodes: readonly NodeHealth[]
  /** The buses and queues that use the client. */
  readonly parts: readonly PartHealth[]
}

/** The state of one primary. */
export interface NodeHealth {
  /** `host:port`; with shards, after the name of the shard and a slash. */
  readonly id: string
  readonly reachable: boolean
  readonly since: Date
  readonly roundTripMs: number | undefined
  readonly breaker: Circuit
  readonly error: string | undefined
}

/** The state of something that uses the client: a bus, a queue. */
export interface PartHealth extends HealthPart {
  readonly name: string
}

export interface HealthDependencies {
  readonly driver: Driver
  readonly failures: FailureLog
  /** The breakers that are not closed, by the node as `Driver.nodeOf` names it. */
  readonly circuits: () => ReadonlyMap<string, Circuit>
  /** Ms. */
  readonly timeout: number
}

/** Returns the function `health` of a client. */
export function createHealth(
  dependencies: HealthDependencies,
): (options?: HealthOptions) => Promise<ClientHealth> {
  /** The primaries that were found last. During an outage a client may find none. */
  let known: readonly NodeHandle[] = []
  const find = async (timeout: number): Promise<readonly NodeHandle[] | Error> => {
    const found = await within(timeout, () => dependencies.driver.nodes())
    if (!(found instanceof Error)) known = found
    return found instanceof Error && known.length > 0 ? known : found
  }
  return async (options = {}) => {
    const { timeout = dependencies.timeout } = readOptions('health', healthOptions, options)
    const [found, parts] = await Promise.all([
      checkNodes(dependencies, find, timeout),
      Promise.all(
        healthPartsOf(dependencies.driver).map(([{ name, check }, owner]) =>
          checkPart(name, () => check(owner), timeout),
        ),
      ),
    ])
    return { ...found, parts }
  }
}

async function checkNodes(
  dependencies: HealthDependencies,
  find: (timeout: number) => Promise<readonly NodeHandle[] | Error>,
  timeout: number,
): Promise<Omit<ClientHealth, 'parts'>> {
  const { failures, circuits } = dependencies
  const deadline = performance.now() + timeout
  const handles = await find(timeout / 2) // the other half is for the primaries
  const errorOfNodes = handles instanceof Error ? summaryOf(handles) : undefined
  const nodes =
    handles instanceof Error
      ? []
      : await Promise.all(
          handles.map((handle) =>
            checkNode(dependencies, handle, Math.max(1, deadline - performance.now())),
          ),
        )
  const state = failures.overall()
  const bad = nodes.filter(({ reachable }) => !reachable)
  const reachable = nodes.length > 0 && bad.length === 0
  const roundTrips = nodes.flatMap(({ roundTripMs }) => roundTripMs ?? [])
  const times = (bad.length > 0 ? bad : nodes).map(({ since }) => since.getTime())
  return {
    reachable,
    since: !reachable
      ? new Date(Math.min(...times, (state.reachable ? new Date() : state.since).getTime()))
      : new Date(Math.max(...times)),
    roundTripMs: roundTrips.length === 0 ? undefined : Math.max(...roundTrips),
    breaker: worst([...circuits().values()]),
    error: errorOfNodes ?? bad[0]?.error,
    nodes,
  }
}

async function checkNode(
  { driver, failures, circuits }: HealthDependencies,
  { id, send }: NodeHandle,
  timeout: number,
): Promise<NodeHealth> {
  const node = nodeKey(driver, id)
  const breaker = circuits().get(node) ?? 'closed'
  let roundTripMs: number | undefined
  let error: string | undefined
  if (breaker !== 'open') {
    const startedAt = performance.now()
    const reply = await within(timeout, async () => send([PING], { timeout })[0])
    if (reply instanceof Error) {
      error = summaryOf(reply)
      if (reply instanceof CacheError) failures.failedAt(node, reply)
    } else {
      roundTripMs = performance.now() - startedAt
      failures.answeredAt(node)
    }
  }
  const state = failures.stateOf(node)
  const reachable = roundTripMs !== undefined
  return {
    id,
    reachable,
    // What was answered just now is reachable, even if the outage is not over for the log.
    since: state.reachable === reachable ? state.since : new Date(),
    roundTripMs,
    breaker,
    error: reachable ? undefined : (state.error?.message ?? error),
  }
}

async function checkPart(
  name: string,
  check: () => HealthPart | Promise<HealthPart>,
  timeout: number,
): Promise<PartHealth> {
  const part = await within(timeout, async () => check())
  return part instanceof Error
    ? { name, healthy: false, details: { error: summaryOf(part) } }
    : { ...part, name }
}

/** Returns the name that `Driver.nodeOf` has for a node. */
function nodeKey({ topology }: Driver, id: string): string {
  if (topology === 'cluster') return id
  return topology === 'sharded' ? id.split('/', 1)[0]! : ''
}

function worst(circuits: readonly Circuit[]): Circuit {
  return (['open', 'half-open'] as const).find((state) => circuits.includes(state)) ?? 'closed'
}

const PING = { args: ['PING'], keys: [] } as const
