import { defineConfig } from 'tsup'

// Each format imports the packages in that format: they stay external.
export default defineConfig({
  entry: ['src/program.ts'],
  format: ['esm', 'cjs'],
  target: 'node20',
})
