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
  readonly owner: WeakRef<object>
  readonly measure: (owner: object) => Promise<Measurements[keyof Measurements]>
}

/**
 * The things that use a client and can be measured, until the client is closed. Whatever nobody
 * refers to any more is forgotten.
 */
export class Gauges {
  readonly #all = new Set<Gauge>()
  readonly #collected = new FinalizationRegistry<WeakRef<Gauge>>((ref) => {
    const gauge = ref.deref()
    if (gauge) this.#all.delete(gauge)
  })
  #closed = false

  add(gauge: Gauge, owner: object): () => void {
    if (!this.#closed) {
      this.#all.add(gauge)
      this.#collected.register(owner, new WeakRef(gauge))
    }
    return () => void this.#all.delete(gauge)
  }

  async measure(timeout: number): Promise<Measured[]> {
    const measured = await Promise.all(
      [...this.#all].map(async ({ kind, name, namespace, owner, measure }) => {
        const current = owner.deref()
        if (!current) return []
        const values = await within(timeout, () => measure(current))
        return [{ kind, name, namespace, values } as Measured]
      }),
    )
    return measured.flat()
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
    owner: new WeakRef(owner),
    measure: async (current) => measure(current as Owner),
  }
  return (client as ClientWithGauges)[GAUGES]?.add(gauge, owner) ?? (() => undefined)
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
