import type { Context } from 'hono'
import { z } from 'zod'

/** An `int` of Postgres in plain decimal notation: not `1e0`, `0x10`, `+1` or `01`. */
export const id = z
  .string()
  .regex(/^[1-9][0-9]{0,9}$/)
  .transform(Number)
  .pipe(z.number().max(2 ** 31 - 1))

/**
 * A text that Postgres stores and returns unchanged: without NUL, other control characters and lone
 * surrogates.
 */
const text = z
  .string()
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]+$/u)

export const patch = z
  .strictObject({ name: text, email: z.email().max(254) })
  .partial()
  .refine((given) => Object.keys(given).length > 0)

/** Returns the body as JSON, or `undefined` if it is not JSON or not UTF-8. */
export async function jsonOf(c: Context): Promise<unknown> {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await c.req.arrayBuffer()))
  } catch {
    return undefined
  }
}
