export interface Scenario {
  readonly name: string
  /** What is measured, in a sentence. */
  readonly about: string
  run(scale: Scale): Promise<Result>
}

/** `short`: a run that shows that everything works, and measures nothing. */
export type Scale = 'full' | 'short'

export interface Result {
  /** The column that the picture shows, and whether more of it is better. */
  readonly shown: string
  readonly better: 'more' | 'less'
  readonly rows: readonly Row[]
}

/** One contender's outcome. */
export type Row = { readonly name: string } & { readonly [column: string]: string | number }
