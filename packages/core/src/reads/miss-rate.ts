/** A moving average of the share of reads that find no entry. */
export class MissRate {
  #share = 0

  record(missed: boolean): void {
    this.#share += ((missed ? 1 : 0) - this.#share) / 16
  }

  /** Whether most recent reads were misses. */
  get isHigh(): boolean {
    return this.#share > 0.5
  }
}
