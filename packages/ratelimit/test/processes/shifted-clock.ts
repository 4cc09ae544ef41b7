/** A preload: the host's clock is off by so many ms. */
const shift = Number(process.env.CLOCK_SHIFT ?? 0)
const RightDate = Date

globalThis.Date = class extends RightDate {
  constructor(...args: ConstructorParameters<typeof Date> | []) {
    if (args.length === 0) super(RightDate.now() + shift)
    else super(...args)
  }

  static override now(): number {
    return RightDate.now() + shift
  }
} as DateConstructor
