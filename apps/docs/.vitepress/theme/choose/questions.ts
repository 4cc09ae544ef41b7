// The questions of the page "Choose".
export const questions = {
  needs: {
    text: 'What do you need?',
    several: true,
    answers: {
      reads: 'Faster reads of a slow source',
      writes: 'Writes that return before the database has them',
      lock: 'Something that only one process does at a time',
      limit: 'A limit on requests',
    },
  },
  changes: {
    text: 'How does the source change?',
    needs: 'reads',
    answers: {
      here: 'By one function of my service, row by row',
      anywhere: 'By my services, in several places or in transactions',
      unknown: 'By others, who do not tell me',
    },
  },
  invalidate: {
    text: 'What does one change make wrong?',
    needs: 'reads',
    answers: {
      row: 'One row',
      group: 'Everything with a tag, such as all products of a category',
      list: 'An item, and the lists that contain it',
    },
  },
  hot: {
    text: 'How often does one process read the same key?',
    needs: 'reads',
    answers: { no: 'Now and then', yes: 'Hundreds of times a second' },
  },
  servers: {
    text: 'Which Redis do you have?',
    answers: {
      one: 'One server, or a managed one with one address',
      sentinel: 'Replicas behind Sentinel',
      cluster: 'A Cluster',
      shards: 'Several independent servers',
    },
  },
  library: {
    text: 'Which client?',
    answers: { ioredis: 'ioredis', 'node-redis': 'node-redis' },
  },
} as const

type Questions = typeof questions
type Answer<Q extends keyof Questions> = keyof Questions[Q]['answers']

export type Need = Answer<'needs'>

export interface Answers {
  readonly needs: readonly Need[]
  readonly changes: Answer<'changes'>
  readonly invalidate: Answer<'invalidate'>
  readonly hot: Answer<'hot'>
  readonly servers: Answer<'servers'>
  readonly library: Answer<'library'>
}
