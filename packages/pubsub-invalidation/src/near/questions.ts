/**
 * The questions under way: an answer to one that was asked before its key was invalidated is not to
 * be kept.
 */
export class Questions {
  readonly #open = new Map<string, Question>()

  ask(key: string): Question {
    let question = this.#open.get(key)
    if (question) question.askers++
    else this.#open.set(key, (question = { askers: 1, outdated: false }))
    return question
  }

  answer(key: string, question: Question): void {
    question.askers--
    if (question.askers === 0 && this.#open.get(key) === question) this.#open.delete(key)
  }

  outdate(key: string): void {
    const question = this.#open.get(key)
    if (!question) return
    question.outdated = true
    this.#open.delete(key) // who asks from now on is not concerned
  }

  outdateAll(concerns: (key: string) => boolean = () => true): void {
    for (const key of [...this.#open.keys()]) if (concerns(key)) this.outdate(key)
  }
}

export interface Question {
  askers: number
  outdated: boolean
}
