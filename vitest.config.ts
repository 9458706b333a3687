import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: ['test/kit/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 45_000 } }, // only ends a wait that would never end
    maxWorkers: 3, // much of the time is spent waiting for processes
    projects: [
      { extends: true, test: { name: 'suite', include: ['test/**/*.test.ts'] } },
      {
        // Conversations with real programs once more, every wire a byte at a time. Left out is what sends by the megabyte, and
        // WebSocket, which has messages and no bytes.
        extends: true,
        test: {
          name: 'torture',
          env: { TEST_TORTURE: '1' },
          include: [
            'test/interop/{abuse-input,abuse-lines,channels,channels-pipes,ecr-eft,life-*,secrets,super-servers*}.integration.test.ts',
          ],
        },
      },
    ],
  },
});
