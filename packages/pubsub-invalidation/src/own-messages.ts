import { createToken } from '@cache/core/internal'

/**
 * Counts what one sender says, so that it knows its own words when they come back. What it said and
 * was not acknowledged may be done later, so up to there its own words are news. Whoever else sends
 * in its name says nothing that has to be heard.
 */
export class OwnMessages {
  readonly from = createToken()
  #nth = 0
  #doubtedUpTo = 0

  next(): number {
    return ++this.#nth
  }

  doubt(nth: number): void {
    this.#doubtedUpTo = Math.max(this.#doubtedUpTo, nth)
  }

  knows({ from, nth }: { readonly from: string; readonly nth: number }): boolean {
    return from === this.from && nth > this.#doubtedUpTo
  }
}
