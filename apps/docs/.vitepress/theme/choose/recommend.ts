// What the questionnaire of the page "Choose" answers.
import { connection } from './connection.js'
import { type Snippet, cacheOf, limiter, lock, queue } from './snippets.js'

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

export interface Recommendation {
  /** The names of packages, without the scope, and why each is there. */
  readonly packages: ReadonlyMap<string, string>
  /** The command that installs them. */
  readonly install: string
  /** A whole program. */
  readonly code: string
}

/** Returns the packages for some answers, and a program that uses them. */
export function recommend(answers: Answers): Recommendation {
  const parts = partsFor(answers)
  const server = connection(answers.servers, answers.library)
  const all = [server, ...parts]
  const packages = new Map([
    ['core', 'The client that all patterns use.'],
    ...all.flatMap(({ packages }) => packages),
  ])
  const names = [...packages.keys()].map((name) => `@cache/${name}`)
  const library = answers.library === 'ioredis' ? 'ioredis' : 'redis'
  return {
    packages,
    install: `npm install ${[...names, library].join(' ')}`,
    code: [
      importsOf(all),
      ...all.map(({ code }) => code),
      ['await client.close()', ...server.end].join('\n'),
    ]
      .join('\n\n')
      .concat('\n'),
  }
}

function partsFor({ needs, changes, invalidate, hot }: Answers): Snippet[] {
  return [
    ...(needs.includes('reads') ? cacheOf(changes, invalidate, hot === 'yes') : []),
    ...(needs.includes('writes') ? [queue] : []),
    ...(needs.includes('lock') ? [lock] : []),
    ...(needs.includes('limit') ? [limiter] : []),
  ]
}

/** Returns the imports of all parts: one line for each module, in the order of their names. */
function importsOf(parts: readonly Snippet[]): string {
  const modules = new Map<string, Set<string>>()
  for (const { imports } of parts) {
    for (const [module, name] of imports) {
      modules.set(module, (modules.get(module) ?? new Set()).add(name))
    }
  }
  return [...modules]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([module, names]) => `import { ${[...names].sort().join(', ')} } from '${module}'`)
    .join('\n')
}
