/** The body of a response, if it was small enough, or the response with its body still to come. */
export type ReadBody =
  { readonly body: Buffer } | { readonly rest: Response; readonly why: 'too-large' | 'incomplete' }

/**
 * Reads a body of up to `max` bytes. A longer body is not collected: the result is a response that
 * streams what was read so far, and then the rest as the client takes it.
 *
 * Rejects if the body fails. A body that is shorter than its Content-Length is `'incomplete'`.
 */
export async function readBody(response: Response, max: number): Promise<ReadBody> {
  const declared = contentLength(response.headers)
  if (declared !== undefined && declared > max) return { rest: response, why: 'too-large' }
  if (response.body === null) return { body: Buffer.alloc(0) }
  const reader = response.body.getReader()
  const chunks: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    chunks.push(value)
    size += value.byteLength
    if (size > max) return { rest: streamOn(response, chunks, reader), why: 'too-large' }
  }
  const body = Buffer.concat(chunks)
  return declared !== undefined && declared !== size && !response.headers.has('content-encoding')
    ? { rest: streamOn(response, chunks, reader), why: 'incomplete' }
    : { body }
}

function streamOn(
  { status, statusText, headers }: Response,
  chunks: Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Response {
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = chunks.shift()
      if (chunk) return controller.enqueue(chunk)
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
  return new Response(body, { status, statusText, headers })
}

function contentLength(headers: Headers): number | undefined {
  const value = headers.get('content-length')
  return value !== null && /^\d+$/.test(value) ? Number(value) : undefined
}
