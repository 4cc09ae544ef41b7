/**
 * Returns the state of this name that all copies of the package in a process share. A process has
 * two copies if a CommonJS application uses a library that consists of ES modules.
 */
export function sharedByCopies<State extends object>(name: string, create: () => State): State {
  const states = globalThis as { [state: symbol]: unknown }
  return (states[Symbol.for(`@cache/nestjs ${name}`)] ??= create()) as State
}
