/** The steps from a value to a part of it: names of properties, indexes, and members. */
export class ValuePath {
  readonly #steps: (string | number | Member)[] = []

  get depth(): number {
    return this.#steps.length
  }

  push(step: string | number | Member): void {
    this.#steps.push(step)
  }

  pop(): void {
    this.#steps.pop()
  }

  /**
   * Returns the path as text: `orders[2].price`. The steps in the middle of a long path are left
   * out. The keys of a Map are values, so they are not shown, but numbered. For the same reason, of
   * a name that is not an identifier only the length is shown: it may be an address or a token.
   */
  toString(): string {
    const steps = this.#steps
    if (steps.length === 0) return 'the value itself'
    if (steps.length <= MAX_STEPS) return textOf(steps)
    const half = MAX_STEPS / 2
    const omitted = steps.length - MAX_STEPS
    return `${textOf(steps.slice(0, half))} … (${omitted} more) … ${textOf(steps.slice(-half))}`
  }
}

/** A step into a Map or a Set. */
export class Member {
  constructor(
    readonly kind: 'key' | 'value' | 'member',
    readonly index: number,
  ) {}
}

const MAX_STEPS = 16
const MAX_NAME = 64

function textOf(steps: readonly (string | number | Member)[]): string {
  return steps.map(stepText).join('').replace(/^\./, '')
}

function stepText(step: string | number | Member): string {
  if (step instanceof Member) return `<${step.kind} ${step.index}>`
  if (typeof step === 'number') return `[${step}]`
  return isIdentifier(step) ? `.${step}` : `[name of ${step.length} characters]`
}

function isIdentifier(name: string): boolean {
  return name.length <= MAX_NAME && /^[A-Za-z_$][\w$]*$/.test(name)
}
