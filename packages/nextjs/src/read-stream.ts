import { CacheError } from '@cache/core'

/**
 * Reads a stream to its end. An entry that breaks off is not stored.
 *
 * @throws {CacheError} if the stream has more than `maxBytes`; the rest of it is cancelled.
 */
export async function readStream(
  stream: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks)
    chunks.push(value)
    size += value.byteLength
    if (size <= maxBytes) continue
    const error = new CacheError(`An entry has more than maxValueBytes (${maxBytes}).`, {
      code: 'VALUE_TOO_LARGE',
    })
    reader.releaseLock()
    discard(stream, error)
    throw error
  }
}

/** Cancels a stream. Nobody waits for it: a branch of `tee` waits until the other is cancelled. */
export function discard(stream: ReadableStream<Uint8Array>, reason?: unknown): void {
  stream.cancel(reason).catch(() => undefined)
}

/** Returns a new stream of the bytes. */
export function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (bytes.byteLength > 0) controller.enqueue(bytes)
      controller.close()
    },
  })
}
