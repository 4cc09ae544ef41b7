/**
 * Arrivals, counted in order. The answer to a question that was asked at some moment is good for
 * whoever arrived up to then.
 */
export class Moments {
  #now = 0

  get now(): number {
    return this.#now
  }

  arrive(): number {
    return ++this.#now
  }
}
