import { channels, type Messages } from '@cache/core'
import { diag } from '@opentelemetry/api'

/** Functions that receive the messages of diagnostics channels, by channel name. */
export type Listeners = { readonly [Name in keyof Messages]?: (message: Messages[Name]) => void }

/**
 * Subscribes listeners to their channels, and returns a function that unsubscribes them. An error
 * that a listener throws goes to OpenTelemetry's own log, because Node would end the process.
 */
export function listen(listeners: Listeners): () => void {
  const stops = Object.entries(listeners).map(([name, listener]) => {
    const channel = channels[name as keyof Messages]
    const onMessage = (message: unknown): void => {
      try {
        ;(listener as (message: unknown) => void)(message)
      } catch (error) {
        diag.error(`@cache/otel could not record a message of cache:${name}.`, error)
      }
    }
    channel.subscribe(onMessage)
    return () => void channel.unsubscribe(onMessage)
  })
  return () => {
    for (const stop of stops) stop()
  }
}
