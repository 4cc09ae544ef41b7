/**
 * Gives up a body that nobody reads. It is not awaited: a branch of `clone()` is only cancelled
 * together with the other one. A body that somebody else reads can't be cancelled, and need not be.
 */
export function discard(
  body: Pick<ReadableStream | ReadableStreamDefaultReader, 'cancel'> | null,
): void {
  body?.cancel().catch(() => undefined)
}
