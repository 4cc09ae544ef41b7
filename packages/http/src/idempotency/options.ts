import { InvalidOptionError, type CacheClient, type Duration, type Size } from '@cache/core'
import {
  choiceOption,
  clientOption,
  customOption,
  durationOption,
  flagOption,
  functionOption,
  givenOption,
  required,
  sizeOption,
  type OptionTable,
} from '@cache/core/internal'
import { checkHeaderName } from '../cache/options.js'

/** Options of `createIdempotency`. */
export interface IdempotencyOptions {
  /** The cache client to use. */
  readonly client: CacheClient
  /** The first part of every key, after the client's namespace. */
  readonly prefix: string
  /**
   * Returns who sends a request, such as the id of the user. A key is only known to the scope that
   * used it first: without that, a client that guesses a key would get another one's response. The
   * client must not be able to choose it. May be an empty text if there is only one client.
   */
  readonly scope: (request: Request) => string | Promise<string>
  /** How long a response is replayed. Default 1 d. */
  readonly ttl?: Duration
  /**
   * How long a key stays claimed after its process died. It is renewed while the handler runs.
   * Default 30 s.
   */
  readonly claimTtl?: Duration
  /**
   * What a retry does after the handler's process died or the handler threw, once the claim has
   * ended. `'run'`: the handler runs again, and `context.attempt` is 2. `'refuse'`: the retry gets
   * 409 until `ttl` ends, and the handler never runs twice. Default 'run'.
   */
  readonly afterCrash?: 'run' | 'refuse'
  /**
   * What happens while Redis does not answer. `'refuse'`: 503, and the handler does not run.
   * `'run'`: it runs unprotected. Default 'refuse'.
   */
  readonly onOutage?: 'refuse' | 'run'
  /** Whether a request without a key gets 400. Otherwise it runs unprotected. Default `false`. */
  readonly required?: boolean
  /** The methods that keys apply to. Default `['POST', 'PATCH']`. */
  readonly methods?: readonly string[]
  /** The request header with the key. Default 'idempotency-key'. */
  readonly header?: string
  /**
   * Returns whether a response is the result of the request. Otherwise it is not kept, and a retry
   * runs the handler at once. Default: all but 408, 425, 429 and 503, which say that the request
   * was not processed.
   */
  readonly keep?: (response: Response) => boolean
  /**
   * The size of the largest body of a response that is replayed. After a larger one, or one that
   * broke off, retries get 409, and the handler does not run. Default '1mb'.
   */
  readonly maxBodyBytes?: Size
  /** The size of the largest body of a request; others get 413. Default '1mb'. */
  readonly maxRequestBytes?: Size
}

/** The rows of `IdempotencyOptions`. */
export const idempotencyOptions = {
  client: clientOption,
  prefix: givenOption(),
  scope: functionOption(required),
  ttl: durationOption('1d'),
  claimTtl: durationOption('30s'),
  afterCrash: choiceOption(['run', 'refuse'], 'run'),
  onOutage: choiceOption(['refuse', 'run'], 'refuse'),
  required: flagOption(false),
  methods: customOption(checkMethods),
  header: customOption((value, path) => checkHeaderName(value ?? 'idempotency-key', path)),
  keep: functionOption<NonNullable<IdempotencyOptions['keep']>>(
    ({ status }) => ![408, 425, 429, 503].includes(status),
  ),
  maxBodyBytes: sizeOption('1mb'),
  maxRequestBytes: sizeOption('1mb'),
} satisfies OptionTable<IdempotencyOptions>

function checkMethods(value: unknown, path: string): ReadonlySet<string> {
  const methods: unknown = value ?? ['POST', 'PATCH']
  const isValid =
    Array.isArray(methods) && methods.every((method) => /^[A-Z]+$/.test(String(method)))
  if (!isValid)
    throw new InvalidOptionError(path, "an array of methods in upper case: ['POST']", value)
  return new Set(methods as string[])
}
