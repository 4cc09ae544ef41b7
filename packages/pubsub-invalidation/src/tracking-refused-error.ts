import { CacheError, type ServerError } from '@cache/core'

/**
 * The server does not allow this user to track keys. `code` is the error code of Redis: `NOPERM`,
 * or `ERR` if the server does not know the command.
 */
export class TrackingRefusedError extends CacheError {
  static override readonly kind: string = 'TrackingRefusedError'
  constructor(cause: ServerError) {
    super(
      `Redis refuses to track keys for this client: ${cause.message} ` +
        'Near caches on this bus cache nothing meanwhile. ' +
        'Tracking requires Redis 6 and a user with these rights: ' +
        'ACL SETUSER <user> +client|id +client|tracking +subscribe +publish ' +
        '&__redis__:invalidate, and the channels whose names begin with that of the bus. ' +
        'Or use createInvalidationBus, which needs only the rights to those channels.',
      { code: cause.code, cause },
    )
  }
}
