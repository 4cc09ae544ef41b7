import { channels, emit } from './telemetry.js'

/** Something that a pattern created on a client, and that has to be closed. */
export interface Closable {
  /** Can be called several times. */
  close(): Promise<void> | void
}

/**
 * What was created on a client. Whatever nobody refers to any more is forgotten: it holds nothing
 * that has to be closed.
 */
export class Closables {
  readonly #refs: Record<Stage, Set<WeakRef<Closable>>> = { pattern: new Set(), bus: new Set() }
  readonly #collected = new FinalizationRegistry<() => void>((forget) => forget())

  add(closable: Closable, stage: Stage): void {
    const refs = this.#refs[stage]
    const ref = new WeakRef(closable)
    refs.add(ref)
    this.#collected.register(closable, () => refs.delete(ref))
  }

  /** Closes everything, the buses last. A failure is reported and holds up nothing. */
  async close(): Promise<void> {
    for (const stage of ['pattern', 'bus'] as const)
      await Promise.all([...this.#refs[stage]].map((ref) => closeQuietly(ref.deref())))
  }
}

/** Buses are closed after the patterns, which may still publish. */
export type Stage = 'pattern' | 'bus'

/**
 * Lets `client.close()` close something as well. Clients that wrap another one, by copying its
 * properties, share its list.
 */
export function closeWith(client: object, closable: Closable, stage: Stage = 'pattern'): void {
  ;(client as ClientWithClosables)[CLOSABLES]?.add(closable, stage)
}

/**
 * The property is not part of the types, since those of two copies of this package would
 * differ.
 */
export const CLOSABLES = Symbol.for('@cache/core/closables')

interface ClientWithClosables {
  readonly [CLOSABLES]?: Closables
}

async function closeQuietly(closable: Closable | undefined): Promise<void> {
  try {
    await closable?.close()
  } catch (error) {
    emit(channels.error, () => ({ operation: 'close', error }))
  }
}
