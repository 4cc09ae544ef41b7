import { CacheError, type ServerError } from '@cache/core'

/**
 * The server does not let this user track keys. `code` is Redis' own: `NOPERM`, or `ERR` where it
 * does not know the command.
 */
export class TrackingRefusedError extends CacheError {
  static override readonly kind: string = 'TrackingRefusedError'
  constructor(cause: ServerError) {
    super(
      `Redis refuses to tell this client of changed keys: ${cause.message} Near caches on this bus keep nothing meanwhile. ` +
        'It takes Redis 6, and a user who may: ACL SETUSER <user> +client|id +client|tracking +subscribe +publish &__redis__:invalidate, and ' +
        'the bus’ own channels: its name, and all that begin with it. Or use createInvalidationBus, which needs no more than those.',
      { code: cause.code, cause },
    )
  }
}
