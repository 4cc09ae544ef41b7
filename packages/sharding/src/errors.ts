import { CacheError } from '@cache/core'

/**
 * One command, or one script, names keys that are on two shards. It was not sent. Give what belongs
 * together a common hash tag: `{user:42}:…`.
 */
export class CrossShardError extends CacheError {
  static override readonly kind: string = 'CrossShardError'
  constructor(command: string, keys: readonly string[]) {
    super(
      `${command} was not sent: of its ${keys.length} keys some are on one shard and some on another. Give what belongs together a common hash tag, as in {user:42}:cart.`,
      { code: 'CROSS_SHARD', command, key: keys[0] },
    )
  }
}

/**
 * This process was told to change shards when others had done so already, and had used the old
 * places meanwhile. It has changed now. What it read may have been stale, and what it wrote and
 * invalidated since then may not have reached the others.
 */
export class LateReshardError extends CacheError {
  static override readonly kind: string = 'LateReshardError'
  constructor(
    /** Ms since the others changed. */
    readonly late: number,
  ) {
    super(
      `This process changed shards ${Math.round(late)} ms after the others, and had used the old places meanwhile: what it wrote or invalidated since may not have reached the others. Call reshard() in all processes within "settle", or allow more.`,
      { code: 'LATE_RESHARD' },
    )
  }
}

/**
 * A shard that was to be added holds keys, which would be taken for current; nothing was changed.
 * Either other processes use it already: then this one is to start with it. Or they are nobody's:
 * then empty its database, or choose another one.
 */
export class ShardNotEmptyError extends CacheError {
  static override readonly kind: string = 'ShardNotEmptyError'
  constructor(
    readonly shard: string,
    key: string,
  ) {
    super(
      `Shard "${shard}" can't be added: it holds keys, "${key}" for one, and they would be taken for current. If other processes use it already, start this one with the shards that they have. If nobody does, empty its database, or choose another one.`,
      { code: 'SHARD_NOT_EMPTY', key },
    )
  }
}

/** The same shards are being changed to something else; nothing was changed here. */
export class ReshardConflictError extends CacheError {
  static override readonly kind: string = 'ReshardConflictError'
  constructor() {
    super(
      'These shards are being changed to other ones than those given. Give reshard() the same shards, weights, placement and "lost" in all processes, and wait until one change has ended before the next.',
      { code: 'RESHARD_CONFLICT' },
    )
  }
}
