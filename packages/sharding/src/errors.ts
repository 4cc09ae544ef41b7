import { CacheError } from '@cache/core'

/**
 * A command or a script names keys that are on different shards. It was not sent. Give keys that
 * belong together a common hash tag: `{user:42}:…`.
 */
export class CrossShardError extends CacheError {
  static override readonly kind: string = 'CrossShardError'
  constructor(command: string, keys: readonly string[]) {
    super(
      `${command} was not sent: its ${keys.length} keys are on different shards. ` +
        'Give keys that belong together a common hash tag, as in {user:42}:cart.',
      { code: 'CROSS_SHARD', command, key: keys[0] },
    )
  }
}

/**
 * This process called `reshard` after the other processes had switched, and had used the old shards
 * since then. It has switched now. What it read meanwhile may have been stale. What it wrote or
 * invalidated meanwhile may not have reached the others.
 */
export class LateReshardError extends CacheError {
  static override readonly kind: string = 'LateReshardError'
  constructor(
    /** Ms since the other processes switched. */
    readonly late: number,
  ) {
    super(
      `This process changed shards ${Math.round(late)} ms after the others, and used the old ` +
        'shards meanwhile. What it wrote or invalidated may not have reached the others. ' +
        'Call reshard() in all processes within "announceFor", or increase that option.',
      { code: 'LATE_RESHARD' },
    )
  }
}

/**
 * A shard to be added holds keys, which would be read as current. Nothing was changed. If other
 * processes use the shard already, start this process with their shards. If no process uses it,
 * empty its database or choose another one.
 */
export class ShardNotEmptyError extends CacheError {
  static override readonly kind: string = 'ShardNotEmptyError'
  constructor(
    readonly shard: string,
    key: string,
  ) {
    super(
      `Shard "${shard}" can't be added: it holds keys, for example "${key}", which would be read ` +
        'as current. If other processes use it already, start this process with their shards. ' +
        'If no process uses it, empty its database or choose another one.',
      { code: 'SHARD_NOT_EMPTY', key },
    )
  }
}

/** Another change of the same shards is under way. Nothing was changed in this process. */
export class ReshardConflictError extends CacheError {
  static override readonly kind: string = 'ReshardConflictError'
  constructor() {
    super(
      'Another change of these shards is under way. Give reshard() the same shards, weights, ' +
        'placement and "lost" in all processes, and wait for the end of one change before you ' +
        'start the next.',
      { code: 'RESHARD_CONFLICT' },
    )
  }
}
