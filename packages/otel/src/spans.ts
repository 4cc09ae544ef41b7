import { SpanStatusCode, context, type Attributes, type Tracer } from '@opentelemetry/api'
import { errorType } from './error-type.js'
import { listen } from './listen.js'

/**
 * Records spans of loads, lock waits and flushes until the returned function is called. A span is
 * created when its operation has ended, in the context of the message about it.
 */
export function recordSpans(tracer: Tracer, { keys }: { readonly keys: boolean }): () => void {
  const record = (name: string, ms: number, attributes: Attributes, failure?: string): void => {
    // The SDK dates the spans around this one by the wall clock too. The clock may have been set
    // since the process began.
    // eslint-disable-next-line no-restricted-syntax -- a date for people that decides nothing
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
    lock: ({ prefix, name, event, ms = 0 }) => {
      if (event !== 'acquired' && event !== 'timeout') return
      record(
        'cache lock wait',
        ms,
        {
          'cache.locks': prefix,
          'cache.lock.outcome': event,
          ...(keys && { 'cache.lock.name': name }),
        },
        event === 'timeout' ? 'LOCK_TIMEOUT' : undefined,
      )
    },
    flush: ({ name, writes, ms }) =>
      record(`cache flush ${name}`, ms, { 'cache.name': name, 'cache.flush.writes': writes }),
  })
}
