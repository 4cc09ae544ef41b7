import { SpanStatusCode, context, type Attributes, type Tracer } from '@opentelemetry/api'
import { errorType } from './error-type.js'
import { listen } from './listen.js'

/**
 * Spans of what takes time: loads, waits for locks, flushes. Each is made when it has ended, in the
 * context that told of it.
 */
export function recordSpans(tracer: Tracer, { keys }: { readonly keys: boolean }): () => void {
  const record = (name: string, ms: number, attributes: Attributes, failure?: string): void => {
    // As the SDK has it for the spans around: the clock may have been set since the process began.
    // eslint-disable-next-line no-restricted-syntax -- a date for people, and decides nothing
    const end = Date.now()
    const span = tracer.startSpan(
      name,
      {
        startTime: end - ms,
        attributes: failure === undefined ? attributes : { ...attributes, 'error.type': failure },
      },
      context.active(),
    )
    if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end(end)
  }

  return listen({
    load: ({ prefix, key, ms, background, error }) =>
      record(
        `cache load ${prefix}`.trimEnd(),
        ms,
        { 'cache.name': prefix, 'cache.background': background, ...(keys && { 'cache.key': key }) },
        error === undefined ? undefined : errorType(error),
      ),
    lock: ({ name, event, ms = 0 }) => {
      if (event !== 'acquired' && event !== 'timeout') return
      record(
        'cache lock wait',
        ms,
        { 'cache.lock.outcome': event, ...(keys && { 'cache.lock.name': name }) },
        event === 'timeout' ? 'LOCK_TIMEOUT' : undefined,
      )
    },
    flush: ({ name, writes, ms }) =>
      record(`cache flush ${name}`, ms, { 'cache.name': name, 'cache.flush.writes': writes }),
  })
}
