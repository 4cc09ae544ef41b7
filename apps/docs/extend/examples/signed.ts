import { createHmac, timingSafeEqual } from 'node:crypto'
import { CodecError, InvalidOptionError, type Codec, type CodecContext } from '@cache/core'

/**
 * Wraps a codec and signs its payloads with HMAC-SHA256, so that nobody without the secret can
 * change a value or store it under another key. Everybody can read the values.
 */
export function signed<T>(codec: Codec<T>, secret: Buffer): Codec<T> {
  if (secret.length < 32) throw new InvalidOptionError('secret', 'a Buffer of at least 32 bytes')

  /** A payload is: signature, 32 bytes | content. */
  function sign(kind: Kind, content: string | Buffer, context: CodecContext): Buffer {
    const bytes = Buffer.from(content as string)
    return Buffer.concat([signatureOf(kind, bytes, context), bytes])
  }

  function verify(kind: Kind, payload: Buffer, context: CodecContext): Buffer {
    const [signature, content] = [payload.subarray(0, LENGTH), payload.subarray(LENGTH)]
    const expected = signatureOf(kind, content, context)
    if (signature.length !== LENGTH || !timingSafeEqual(signature, expected))
      throw new CodecError(`The entry "${context.key}" has a wrong signature.`, {
        key: context.key,
      })
    return content
  }

  function signatureOf(kind: Kind, content: Buffer, context: CodecContext): Buffer {
    const { key, associatedData = Buffer.alloc(0) } = context
    const signature = createHmac('sha256', secret)
    // The length before each part keeps the end of one part from being taken for the next.
    for (const part of [Buffer.from(kind), Buffer.from(key), associatedData, content])
      signature.update(`${part.length}:`).update(part)
    return signature.digest()
  }

  return {
    name: `signed ${codec.name}`,
    prepare: codec.prepare,
    encode: (value, context) => sign('value', codec.encode(value, context), context),
    decode: (payload, context) => codec.decode(verify('value', payload, context), context),
    // Protects what is not a value, such as the proof that there is no row.
    seal: (bytes, context) => sign('sealed', codec.seal?.(bytes, context) ?? bytes, context),
    open(sealed, context) {
      const bytes = verify('sealed', sealed, context)
      return codec.open?.(bytes, context) ?? bytes
    },
  }
}

type Kind = 'value' | 'sealed'

const LENGTH = 32
