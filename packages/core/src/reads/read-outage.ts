/**
 * Records whether Redis failed to answer a read of this call.
 *
 * Pass the same object to the reads that follow from the call. They go to the source at once, so a
 * call through several caches waits for a silent Redis only once.
 */
export class ReadOutage {
  down = false
}
