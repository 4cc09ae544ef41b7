export interface Scenario {
  readonly name: string
  /** The measurement in one sentence. */
  readonly about: string
  run(scale: Scale): Promise<Result>
}

/** `short` checks that everything tasks, and measures nothing. */
export type Scale = 'full' | 'short'

export interface Result {
  /** The column that the picture shows. `better` tells whether more or less of it is better. */
  readonly shown: string
  readonly better: 'more' | 'less'
  readonly rows: readonly Row[]
}

/** The results of one contender. */
export type Row = { readonly name: string } & { readonly [column: string]: string | number }
