import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: ['test/kit/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'suite', include: ['test/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'torture',
          env: { TEST_TORTURE: '1' },
          include: ['test/interop/*.test.ts'],
          // What is sent by the megabyte says nothing more when it comes by the byte.
          exclude: ['test/interop/load*.test.ts'],
        },
      },
    ],
  },
});
