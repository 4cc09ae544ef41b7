/** A preload that shifts the clock of the host by CLOCK_SHIFT milliseconds. */
const shift = Number(process.env.CLOCK_SHIFT ?? 0)
const RealDate = Date

globalThis.Date = class extends RealDate {
  constructor(...args: ConstructorParameters<typeof Date> | []) {
    if (args.length === 0) super(RealDate.now() + shift)
    else super(...args)
  }

  static override now(): number {
    return RealDate.now() + shift
  }
} as DateConstructor
