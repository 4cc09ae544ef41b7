/** Whether the codec `v8` works: Bun runs on JavaScriptCore, whose serialization is another. */
export const hasV8 = !('bun' in process.versions)
