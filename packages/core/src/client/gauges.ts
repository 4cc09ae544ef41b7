import { OwnedItems } from './owned-items.js'
import { within } from './within.js'

/** What can be measured of the things that use a client, by their kind. */
export interface Measurements {
  /** The circuit breakers of a client that are not closed: one for each primary. */
  readonly circuits: { readonly open: number; readonly halfOpen: number }
  /** A queue of writes. The numbers are those of Redis, the same in every process. */
  readonly queue: {
    readonly writes: number
    /** Milliseconds since the oldest of these writes was acknowledged. */
    readonly oldest: number
    /** Writes that the database refused for good. */
    readonly deadLetters: number
    /** Partitions whose writes no worker carries to the database. */
    readonly unowned: number
  }
  /** An invalidation bus. */
  readonly bus: { readonly live: boolean }
  /** A near cache. */
  readonly near: { readonly entries: number; readonly bytes: number; readonly answering: boolean }
}

/** Something that was measured. */
export type Measured = {
  readonly [Kind in keyof Measurements]: {
    readonly kind: Kind
    /** The name of the thing, such as the prefix of a queue. Empty if it has none. */
    readonly name: string
    /** The namespace of the client. */
    readonly namespace: string
    /** The error, if it could not be measured in time. */
    readonly values: Measurements[Kind] | Error
  }
}[keyof Measurements]

interface Gauge {
  readonly kind: keyof Measurements
  readonly name: string
  readonly namespace: string
  readonly measure: (owner: object) => Promise<Measurements[keyof Measurements]>
}

/**
 * The things that use a client and can be measured, until the client is closed. Whatever nobody
 * refers to any more is forgotten.
 */
export class Gauges {
  readonly #all = new OwnedItems<Gauge>()
  #closed = false

  add(owner: object, gauge: Gauge): () => void {
    return this.#closed ? () => undefined : this.#all.add(owner, gauge)
  }

  measure(timeout: number): Promise<Measured[]> {
    return Promise.all(
      this.#all.all().map(async ([{ kind, name, namespace, measure }, owner]) => {
        const values = await within(timeout, () => measure(owner))
        return { kind, name, namespace, values } as Measured
      }),
    )
  }

  close(): void {
    this.#closed = true
    this.#all.clear()
  }
}

/**
 * Lets something that uses a client be measured. `measure` may send commands. Returns a function
 * that ends the gauge. Clients that wrap another one, by copying its properties, share its gauges.
 *
 * An owner that nobody uses any more is collected, if `measure` refers to it by its argument only.
 * Declare `measure` outside of the function that creates the owner: closures of one function keep
 * alive what any of them refers to.
 */
export function addGauge<Kind extends keyof Measurements, Owner extends object>(
  client: { readonly namespace: string },
  kind: Kind,
  name: string,
  owner: Owner,
  measure: (owner: Owner) => Measurements[Kind] | Promise<Measurements[Kind]>,
): () => void {
  const gauge: Gauge = {
    kind,
    name,
    namespace: client.namespace,
    measure: async (current) => measure(current as Owner),
  }
  return (client as ClientWithGauges)[GAUGES]?.add(owner, gauge) ?? (() => undefined)
}

/**
 * Measures everything that uses these clients, within `timeout` ms. Never rejects. What uses a
 * closed client is left out, and clients that wrap one another are measured once.
 */
export async function measureGauges(
  clients: readonly object[],
  timeout: number,
): Promise<readonly Measured[]> {
  const gauges = new Set(clients.flatMap((client) => (client as ClientWithGauges)[GAUGES] ?? []))
  return (await Promise.all([...gauges].map((each) => each.measure(timeout)))).flat()
}

/**
 * The property is not part of the types, since those of two copies of this package would
 * differ.
 */
export const GAUGES = Symbol.for('@cache/core/gauges')

interface ClientWithGauges {
  readonly [GAUGES]?: Gauges
}
