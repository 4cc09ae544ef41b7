import { createHmac, timingSafeEqual } from 'node:crypto'
import { InvalidOptionError, type KeyPart } from '@cache/core'
import { customOption } from '@cache/core/internal'
import type { Receipt } from './decision.js'
import type { Limit } from './policies/limit.js'

/** A secret that receipts are signed with. At least 32 bytes; a string counts as UTF-8. */
export type ReceiptSecret = string | Buffer

export interface ReceiptsOptions {
  readonly makeKey: (...parts: readonly KeyPart[]) => string
  readonly limits: readonly Limit[]
  /** The highest charge of one request. */
  readonly maxCharge: number
  /** True if there are receipts for prefetched tokens. */
  readonly hasPrefetch: boolean
  /** The first secret signs. All of them are accepted. */
  readonly secrets: readonly ReceiptSecret[]
}

/**
 * Creates the receipts of a limiter, and verifies those that come back. With secrets the receipts
 * are signed: their holder can have them refunded once, and cannot change them.
 */
export class Receipts {
  readonly #options: ReceiptsOptions
  /** Part of the signed data, so that another limiter with the same secret refuses the receipt. */
  readonly #purpose: readonly string[]

  constructor(options: ReceiptsOptions) {
    this.#options = options
    this.#purpose = [
      '@cache/ratelimit receipt',
      ...options.limits.flatMap(({ name, policy }) => [name, policy]),
    ]
  }

  create(receipt: Omit<Receipt, 'signature'>): Receipt {
    const [secret] = this.#options.secrets
    return secret === undefined
      ? receipt
      : { ...receipt, signature: this.#sign(receipt, secret).toString('base64url') }
  }

  /**
   * Returns the value if it is a receipt of this limiter.
   *
   * @throws {InvalidOptionError} if it is not, or if its signature is missing or wrong.
   */
  verify(value: unknown): Receipt {
    if (!this.#isReceipt(value))
      throw new InvalidOptionError('receipt', 'a receipt of this limiter', value)
    if (!this.#isSigned(value))
      throw new InvalidOptionError(
        'receipt',
        'unchanged, and signed with one of "receiptSecrets"',
        value,
      )
    return value
  }

  #isReceipt(value: unknown): value is Receipt {
    const { limits, maxCharge, hasPrefetch } = this.#options
    const { key, token, charged, at, marks, rates } = (value ?? {}) as Partial<Receipt>
    if (typeof token !== 'string' || !/^[\w./-]{1,100}$/.test(token)) return false
    if (!Number.isSafeInteger(charged) || charged! < 1) return false
    if (rates === undefined ? charged! > maxCharge : !areRates(rates, limits)) return false
    if (!Number.isSafeInteger(at) || at! < 0) return false
    if (!Array.isArray(marks) || !marks.every(Number.isSafeInteger)) return false
    const hasMarks = marks.length === limits.length || (hasPrefetch && marks.length === 0)
    return hasMarks && this.#isOwnKey(key)
  }

  /** Returns whether the limiter itself makes this key from some id. */
  #isOwnKey(key: unknown): boolean {
    if (typeof key !== 'string') return false
    const { makeKey } = this.#options
    const start = makeKey('x').slice(0, -1)
    const parts = key.slice(start.length).split(':').map(decodePart)
    try {
      return makeKey(...parts) === key
    } catch {
      return false // A part that no key can contain.
    }
  }

  #isSigned(receipt: Receipt): boolean {
    const { secrets } = this.#options
    if (secrets.length === 0) return true
    const signature = Buffer.from(
      typeof receipt.signature === 'string' ? receipt.signature : '',
      'base64url',
    )
    return (
      signature.length === SIGNATURE_BYTES &&
      secrets.some((secret) => timingSafeEqual(signature, this.#sign(receipt, secret)))
    )
  }

  #sign({ key, token, charged, at, marks, rates }: Receipt, secret: ReceiptSecret): Buffer {
    return createHmac('sha256', secret)
      .update(
        JSON.stringify([this.#purpose, key, token, charged, at, marks, ...(rates ? [rates] : [])]),
      )
      .digest()
  }
}

/** The option `receiptSecrets`. */
export const receiptSecretsOption = customOption((secrets, path): readonly ReceiptSecret[] => {
  if (secrets === undefined) return []
  const fits =
    Array.isArray(secrets) &&
    secrets.length > 0 &&
    secrets.every(
      (secret) =>
        (typeof secret === 'string' || Buffer.isBuffer(secret)) &&
        Buffer.byteLength(secret) >= MIN_SECRET_BYTES,
    )
  if (!fits)
    throw new InvalidOptionError(
      path,
      `a non-empty array of secrets of at least ${MIN_SECRET_BYTES} bytes each`,
      secrets,
    )
  return [...(secrets as readonly ReceiptSecret[])]
})

/** Returns whether these can be the numbers of limits that take the place of the limiter's. */
function areRates(rates: unknown, limits: readonly Limit[]): boolean {
  return (
    Array.isArray(rates) &&
    rates.length === 2 * limits.length &&
    limits.every(({ script: [kind, , a, b] }, i) => {
      const [ownA, ownB] = [rates[2 * i] as unknown, rates[2 * i + 1] as unknown]
      return kind === 'bucket'
        ? [ownA, ownB].every((rate) => Number.isSafeInteger(rate) && (rate as number) >= 1)
        : ownA === Number(a) && ownB === Number(b)
    })
  )
}

/** Reverts the percent-escapes of `createKeys`. */
function decodePart(part: string): string {
  return part.replace(/%([0-9A-F]{2})/g, (_, code: string) =>
    String.fromCharCode(parseInt(code, 16)),
  )
}

const SIGNATURE_BYTES = 32
const MIN_SECRET_BYTES = 32
