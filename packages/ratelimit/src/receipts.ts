import { createHmac, timingSafeEqual } from 'node:crypto'
import { InvalidOptionError, type KeyPart } from '@cache/core'
import type { OptionChecks } from '@cache/core/internal'
import type { Receipt } from './decision.js'
import type { Limit } from './policies.js'

/** A secret that receipts are signed with, of at least 32 bytes; text counts as UTF-8. */
export type ReceiptSecret = string | Buffer

interface ReceiptsOf {
  readonly makeKey: (...parts: readonly KeyPart[]) => string
  readonly limits: readonly Limit[]
  /** The most that one request may be charged. */
  readonly most: number
  /** Whether there are receipts of tokens that were leased. */
  readonly leases: boolean
  /** The first one signs; all of them are accepted. */
  readonly secrets: readonly ReceiptSecret[]
}

/**
 * Makes the receipts of a limiter, and checks those that come back. With secrets they are signed:
 * whoever has one can have it refunded once, and can change nothing about it.
 */
export class Receipts {
  readonly #of: ReceiptsOf
  /**
   * What a signature is good for: another limiter with the same secret takes no receipt of this
   * one.
   */
  readonly #purpose: readonly string[]

  constructor(of: ReceiptsOf) {
    this.#of = of
    this.#purpose = [
      '@cache/ratelimit receipt',
      ...of.limits.flatMap(({ name, policy }) => [name, policy]),
    ]
  }

  make(receipt: Omit<Receipt, 'signature'>): Receipt {
    const [secret] = this.#of.secrets
    return secret === undefined
      ? receipt
      : { ...receipt, signature: this.#sign(receipt, secret).toString('base64url') }
  }

  /** @throws {InvalidOptionError} for what is no receipt of this limiter, or is not signed. */
  check(value: unknown): Receipt {
    if (!this.#isReceipt(value))
      throw new InvalidOptionError('receipt', 'one that this limiter has made', value)
    if (!this.#isSigned(value))
      throw new InvalidOptionError(
        'receipt',
        'as it was signed, with one of "receiptSecrets"',
        value,
      )
    return value
  }

  #isReceipt(value: unknown): value is Receipt {
    const { limits, most, leases } = this.#of
    const { key, token, charged, at, marks } = (value ?? {}) as Partial<Receipt>
    if (typeof token !== 'string' || !/^[\w./-]{1,100}$/.test(token)) return false
    if (!Number.isSafeInteger(charged) || charged! < 1 || charged! > most) return false
    if (!Number.isSafeInteger(at) || at! < 0) return false
    if (!Array.isArray(marks) || !marks.every(Number.isSafeInteger)) return false
    return (marks.length === limits.length || (leases && marks.length === 0)) && this.#isOwnKey(key)
  }

  /** Whether the limiter itself makes this key of some id. */
  #isOwnKey(key: unknown): boolean {
    if (typeof key !== 'string') return false
    const { makeKey } = this.#of
    const start = makeKey('x').slice(0, -1)
    const parts = key.slice(start.length).split(':')
    try {
      return (
        makeKey(
          ...parts.map((part) =>
            part.replace(/%([0-9A-F]{2})/g, (_, code: string) =>
              String.fromCharCode(parseInt(code, 16)),
            ),
          ),
        ) === key
      )
    } catch {
      return false // no part of a key
    }
  }

  #isSigned(receipt: Receipt): boolean {
    const { secrets } = this.#of
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

  #sign({ key, token, charged, at, marks }: Receipt, secret: ReceiptSecret): Buffer {
    return createHmac('sha256', secret)
      .update(JSON.stringify([this.#purpose, key, token, charged, at, marks]))
      .digest()
  }
}

/** The option `receiptSecrets`. */
export function receiptSecretsOf(check: OptionChecks, secrets: unknown): readonly ReceiptSecret[] {
  if (secrets === undefined) return []
  const fits =
    Array.isArray(secrets) &&
    secrets.length > 0 &&
    secrets.every(
      (secret) =>
        (typeof secret === 'string' || Buffer.isBuffer(secret)) &&
        Buffer.byteLength(secret) >= SECRET_BYTES,
    )
  if (!fits)
    check.fail(
      'receiptSecrets',
      `a non-empty array of secrets of at least ${SECRET_BYTES} bytes each`,
    )
  return [...(secrets as readonly ReceiptSecret[])]
}

const SIGNATURE_BYTES = 32
const SECRET_BYTES = 32
