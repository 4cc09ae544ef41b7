/** One of few, whatever the message: its code, or else its name. Source: https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/ */
export function errorType(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
