import { defineConfig } from 'vitest/config';

/**
 * The tests that a mutant meets: the fast ones of the folders that decide about money, or what MUTATION_TESTS names.
 */
const FAST = ['test/{bridge,store,rpc,pos}/**/*.test.ts', 'test/base/{mask,never-stored}*.test.ts'];

export default defineConfig({
  test: {
    include: process.env['MUTATION_TESTS']?.split(' ') ?? FAST,
    // Without those that need processes, and the one that reads the source itself.
    exclude: [
      '**/!(carriers|compare-key|file-system).integration.test.ts',
      'test/store/journal-async.test.ts',
    ],
    testTimeout: 60_000,
    expect: { poll: { timeout: 45_000 } },
  },
});
