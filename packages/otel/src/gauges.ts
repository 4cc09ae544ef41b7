import type { CacheClient } from '@cache/core'
import {
  closeWith,
  measureGauges,
  type Closable,
  type Measured,
  type Measurements,
} from '@cache/core/internal'
import {
  ValueType,
  diag,
  type BatchObservableResult,
  type Meter,
  type ObservableGauge,
} from '@opentelemetry/api'

/**
 * Observes gauges of clients and of what uses them, at each collection of metrics. A collection
 * waits for them for at most `timeout` ms, and never fails because of them.
 */
export class ObservedGauges {
  readonly #meter: Meter
  readonly #timeout: number
  /** Each client with what forgets it when it is closed. */
  readonly #clients = new Map<CacheClient, Closable>()
  readonly #instruments = new Map<string, ObservableGauge>()
  #isStarted = false
  /** The series of the last collection. The SDK would repeat their values for ever. */
  #last = new Map<string, Series>()

  constructor(meter: Meter, timeout: number) {
    this.#meter = meter
    this.#timeout = timeout
  }

  /** Measures what uses this client as well, until the client is closed. */
  add(client: CacheClient): void {
    if (this.#clients.has(client)) return
    const closable = { close: () => void this.#clients.delete(client) }
    this.#clients.set(client, closable)
    closeWith(client, closable)
    if (!this.#isStarted) this.#start()
  }

  stop(): void {
    this.#clients.clear()
    if (!this.#isStarted) return
    this.#isStarted = false
    this.#meter.removeBatchObservableCallback(this.#observe, [...this.#instruments.values()])
  }

  #start(): void {
    this.#isStarted = true
    for (const { metric, unit, description } of Object.values(definitions).flat()) {
      if (this.#instruments.has(metric)) continue
      const options = { unit, description, valueType: ValueType.DOUBLE }
      this.#instruments.set(metric, this.#meter.createObservableGauge(metric, options))
    }
    this.#meter.addBatchObservableCallback(this.#observe, [...this.#instruments.values()])
  }

  readonly #observe = async (result: BatchObservableResult): Promise<void> => {
    const series = seriesOf(await measureGauges([...this.#clients.keys()], this.#timeout))
    for (const [key, ended] of this.#last)
      if (!series.has(key)) series.set(key, { ...ended, value: ended.definition.unknown })
    for (const { definition, attributes, value } of series.values())
      result.observe(this.#instruments.get(definition.metric)!, value, attributes)
    this.#last = series
  }
}

interface Definition<Values> {
  readonly metric: string
  readonly unit: string
  readonly description: string
  readonly attributes?: Readonly<Record<string, string>>
  readonly valueOf: (values: Values) => number
  /** Combines what two things of the same attributes measured. */
  readonly combine: (a: number, b: number) => number
  /** What is observed if the thing can't be measured or is closed. */
  readonly unknown: number
}

interface Series {
  readonly definition: Definition<never>
  readonly attributes: Readonly<Record<string, string>>
  readonly value: number
}

function seriesOf(all: readonly Measured[]): Map<string, Series> {
  const series = new Map<string, Series>()
  for (const { kind, name, namespace, values } of all) {
    if (values instanceof Error) {
      diag.debug(`@cache/otel could not measure a ${kind} in time.`, values.message)
      continue
    }
    const nameAttribute = NAME_ATTRIBUTES[kind]
    for (const definition of definitions[kind] as readonly Definition<typeof values>[]) {
      const attributes = {
        'cache.namespace': namespace,
        ...(nameAttribute && { [nameAttribute]: name }),
        ...definition.attributes,
      }
      const key = JSON.stringify([definition.metric, attributes])
      const value = definition.valueOf(values)
      const other = series.get(key)
      series.set(key, {
        definition,
        attributes,
        value: other ? definition.combine(other.value, value) : value,
      })
    }
  }
  return series
}

const sum = (a: number, b: number): number => a + b

const definitions: {
  readonly [Kind in keyof Measurements]: readonly Definition<Measurements[Kind]>[]
} = {
  queue: [
    {
      metric: 'cache.queue.depth',
      unit: '{write}',
      description: 'Writes that wait for the database.',
      valueOf: ({ writes }) => writes,
      combine: Math.max,
      unknown: NaN,
    },
    {
      metric: 'cache.queue.age',
      unit: 's',
      description: 'Time since the oldest of these writes was acknowledged.',
      valueOf: ({ oldest }) => oldest / 1_000,
      combine: Math.max,
      unknown: NaN,
    },
    {
      metric: 'cache.queue.dead_letters',
      unit: '{write}',
      description: 'Writes that the database refused for good.',
      valueOf: ({ deadLetters }) => deadLetters,
      combine: Math.max,
      unknown: NaN,
    },
    {
      metric: 'cache.queue.unowned',
      unit: '{partition}',
      description: 'Partitions with waiting writes that no worker owns.',
      valueOf: ({ unowned }) => unowned,
      combine: Math.max,
      unknown: NaN,
    },
  ],
  near: [
    {
      metric: 'cache.near.entries',
      unit: '{entry}',
      description: 'Entries of the near cache.',
      valueOf: ({ entries }) => entries,
      combine: sum,
      unknown: 0,
    },
    {
      metric: 'cache.near.size',
      unit: 'By',
      description: 'Estimated memory that the entries of the near cache take.',
      valueOf: ({ bytes }) => bytes,
      combine: sum,
      unknown: 0,
    },
    {
      metric: 'cache.near.answering',
      unit: '{near_cache}',
      description: '1 if the near cache answers, 0 while it may have missed a message.',
      valueOf: ({ answering }) => Number(answering),
      combine: Math.min,
      unknown: NaN,
    },
  ],
  bus: [
    {
      metric: 'cache.bus.live',
      unit: '{bus}',
      description: '1 if the invalidation bus listens, 0 if it does not.',
      valueOf: ({ live }) => Number(live),
      combine: Math.min,
      unknown: NaN,
    },
  ],
  circuits: [
    {
      metric: 'cache.circuit.count',
      unit: '{circuit}',
      description: 'Circuit breakers that are not closed, by state.',
      attributes: { 'cache.circuit.state': 'open' },
      valueOf: ({ open }) => open,
      combine: Math.max,
      unknown: 0,
    },
    {
      metric: 'cache.circuit.count',
      unit: '{circuit}',
      description: 'Circuit breakers that are not closed, by state.',
      attributes: { 'cache.circuit.state': 'half-open' },
      valueOf: ({ halfOpen }) => halfOpen,
      combine: Math.max,
      unknown: 0,
    },
  ],
}

/** The attribute that names a thing. There is one near cache for each namespace. */
const NAME_ATTRIBUTES: Readonly<Partial<Record<keyof Measurements, string>>> = {
  queue: 'cache.name',
  bus: 'cache.bus',
}
