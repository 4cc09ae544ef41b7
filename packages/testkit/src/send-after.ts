/**
 * Sends commands after an event, and returns a promise for each result. For drivers of tests that
 * delay their commands.
 *
 * @example
 * send: (commands, options) =>
 *   sendAfter(sleep(300), commands, () => driver.send(commands, options))
 */
export function sendAfter<Result>(
  event: Promise<unknown>,
  commands: readonly unknown[],
  send: () => readonly Promise<Result>[],
): readonly Promise<Result>[] {
  const sent = event.then(send)
  return commands.map(async (_, index) => (await sent)[index]!)
}
