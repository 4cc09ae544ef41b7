import { parser } from '@prometheus-io/lezer-promql'

/** One series of a scrape. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/** What an expression of PromQL refers to. */
export interface Expression {
  /** The selectors, with the conditions on labels and on `__name__`. */
  readonly selectors: readonly ((sample: Sample) => boolean)[]
  /** The text of each selector. */
  readonly texts: readonly string[]
  /** The labels of `by (…)`. */
  readonly grouping: readonly string[]
}

/** Parses the text that Prometheus scrapes. */
export function parseScrape(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line)!
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
      return {
        name: name!,
        labels: Object.fromEntries(pairs.map(([, label, value]) => [label, value])),
      }
    })
}

/**
 * Parses an expression. Labels that Prometheus adds to what it scrapes (`job`, `instance`) select
 * everything.
 *
 * @throws if it is no PromQL.
 */
export function parsePromql(expression: string): Expression {
  const text = (node: { readonly from: number; readonly to: number }): string =>
    expression.slice(node.from, node.to)
  const tree = parser.parse(expression)
  const selectors: ((sample: Sample) => boolean)[] = []
  const texts: string[] = []
  const grouping: string[] = []
  tree.iterate({
    enter({ node, type }) {
      if (type.isError) throw new Error(`No PromQL: ${expression} at ${node.from}: ${text(node)}`)
      if (type.name === 'GroupingLabels') grouping.push(...node.getChildren('LabelName').map(text))
      if (type.name !== 'VectorSelector') return
      const identifier = node.getChild('Identifier')
      const conditions = (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [])
        .map(
          (matcher) =>
            [
              text(matcher.getChild('LabelName')!),
              text(matcher.getChild('MatchOp')!),
              text(matcher.getChild('StringLiteral')!).slice(1, -1),
            ] as const,
        )
        .filter(([label]) => !TARGET_LABELS.has(label))
      texts.push(text(node))
      selectors.push(
        ({ name, labels }) =>
          (!identifier || text(identifier) === name) &&
          conditions.every(([label, operator, wanted]) =>
            matches((label === '__name__' ? name : labels[label]) ?? '', operator, wanted),
          ),
      )
    },
  })
  return { selectors, texts, grouping: grouping.filter((label) => !TARGET_LABELS.has(label)) }
}

function matches(value: string, operator: string, wanted: string): boolean {
  const isMatch = operator.endsWith('~')
    ? new RegExp(`^(?:${wanted})$`).test(value)
    : value === wanted
  return operator.startsWith('!') ? !isMatch : isMatch
}

/** Labels that do not come from the scraped process, and the boundary of a bucket. */
const TARGET_LABELS: ReadonlySet<string> = new Set(['job', 'instance', 'le'])
