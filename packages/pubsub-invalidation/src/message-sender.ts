import { createToken } from '@cache/core/internal'

/**
 * Identifies and numbers the messages of one sender, so that the sender recognizes them when they
 * come back.
 *
 * A message that was not acknowledged may still be executed later. The messages up to such a one
 * are therefore treated like those of another sender. Nothing is lost if someone else uses the
 * sender's id: the sender ignores those messages, and all others apply them.
 */
export class MessageSender {
  /** Random id of the sender. */
  readonly id = createToken()
  #sequence = 0
  #uncertainUpTo = 0

  /** Returns the number of the next message. */
  nextSequence(): number {
    return ++this.#sequence
  }

  /** Records that a message was not acknowledged. */
  markUncertain(sequence: number): void {
    this.#uncertainUpTo = Math.max(this.#uncertainUpTo, sequence)
  }

  /** Whether a message was sent by this sender, and has taken effect before it came back. */
  isOwn({ from, sequence }: { readonly from: string; readonly sequence: number }): boolean {
    return from === this.id && sequence > this.#uncertainUpTo
  }
}
