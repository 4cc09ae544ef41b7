// What the questionnaire of the page "Choose" answers.
import { connection } from './connection.js'
import type { Answers } from './questions.js'
import { type Snippet, cacheOf, limiter, lock, queue } from './snippets.js'

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
