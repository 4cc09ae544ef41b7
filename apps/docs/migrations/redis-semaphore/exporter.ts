/** Makes a report. It must stop when the signal aborts, where there is one. */
export type Render = (report: string, options: { signal?: AbortSignal }) => Promise<void>

export interface Exporter {
  /** Makes a report, with at most two at once in all processes. */
  export(report: string): Promise<void>
  /** Does `work` alone among all processes. */
  rebuildIndex(work: () => Promise<void>): Promise<void>
  close(): Promise<void>
}
