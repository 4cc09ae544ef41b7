/** Work that two builds do, and how much of it in a round. */
export interface Comparison {
  readonly name: string
  /** The module in `tasks`, and what it should do. */
  readonly task: string
  readonly variant: string
  readonly operations: number
  readonly needsCluster?: boolean
}

const of = (
  task: string,
  variants: Readonly<Record<string, number>>,
  options: { readonly needsCluster?: boolean } = {},
): Comparison[] =>
  Object.entries(variants).map(([variant, operations]) => ({
    name: variant,
    task,
    variant,
    operations,
    ...options,
  }))

export const comparisons: readonly Comparison[] = [
  ...of('keys', { 'plain keys': 400_000, 'composite keys': 200_000 }),
  ...of('aside', {
    'hit on ioredis': 10_000,
    'hit on node-redis': 10_000,
    'one hit at a time on ioredis': 1_500,
    'miss on ioredis': 3_000,
    'miss on node-redis': 3_000,
    'bulk on ioredis': 200,
    'bulk on node-redis': 200,
  }),
  ...of('cluster', { 'hit on a Cluster': 8_000 }, { needsCluster: true }),
  ...of('near', { 'near hit': 100_000 }),
  ...of('limits', {
    'fixed window on ioredis': 4_000,
    'exact window on ioredis': 4_000,
    'gcra on ioredis': 4_000,
    'gcra on node-redis': 4_000,
  }),
  ...of('locks', { 'lock on ioredis': 2_500, 'one lock at a time on ioredis': 600 }),
  ...of('write-behind', {
    'enqueue on ioredis': 5_000,
    'bulk enqueue on ioredis': 10_000,
    'flush on ioredis': 5_000,
    'flush on node-redis': 5_000,
  }),
  ...of('memory', { 'hit in memory': 5_000 }),
]
