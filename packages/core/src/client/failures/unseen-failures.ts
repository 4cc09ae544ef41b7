import { channels, type Messages } from '../telemetry.js'

/** A message of `cache:error`. */
export type UnseenFailure = Messages['error']

/** A client that wants to know of errors that no caller received. */
export interface UnseenListener {
  readonly namespace: string
  /** Whether a command of this client failed with the error. */
  isOwn(error: object): boolean
  receive(failure: UnseenFailure): void
}

/**
 * Listens to `cache:error` for one client. The channel belongs to the process, so each message is
 * received by one of the clients that listen, also if they are of several copies of this package:
 *
 * 1. the client whose command failed with the error, or with its cause;
 * 2. else the client whose namespace the key begins with, the longest one;
 * 3. else the client without a namespace, or the one that was created first.
 *
 * Returns a function that stops listening.
 */
export function listenForUnseen(listener: UnseenListener): () => void {
  const all = listeners()
  const onMessage = (message: unknown): void => {
    const failure = message as UnseenFailure
    // The callers receive the errors of commands that an open circuit refuses.
    if (isRefusal(failure)) return
    if (ownerOf(failure, all) === listener) listener.receive(failure)
  }
  all.add(listener)
  channels.error.subscribe(onMessage)
  return () => {
    all.delete(listener)
    channels.error.unsubscribe(onMessage)
  }
}

function ownerOf(
  { error, key }: UnseenFailure,
  all: ReadonlySet<UnseenListener>,
): UnseenListener | undefined {
  const related = [error, (error as { readonly cause?: unknown } | undefined)?.cause].filter(
    (one): one is object => typeof one === 'object' && one !== null,
  )
  let best: UnseenListener | undefined
  for (const listener of all) {
    if (related.some((one) => listener.isOwn(one))) return listener
    const { namespace } = listener
    const owns = namespace !== '' && key?.startsWith(`${namespace}:`) === true
    if (owns && namespace.length > (best?.namespace.length ?? 0)) best = listener
  }
  if (best) return best
  for (const listener of all) if (listener.namespace === '') return listener
  return all.values().next().value
}

function isRefusal({ operation, error }: UnseenFailure): boolean {
  return operation === 'send' && (error as { readonly code?: unknown }).code === 'CIRCUIT_OPEN'
}

/** Returns the listeners of this process, in the order in which they were created. */
function listeners(): Set<UnseenListener> {
  const shared = globalThis as { [LISTENERS]?: Set<UnseenListener> }
  return (shared[LISTENERS] ??= new Set())
}

const LISTENERS = Symbol.for('@cache/core/unseen-failures')
