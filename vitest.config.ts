import { defineConfig } from 'vitest/config';

const bytewise =
  'abuse-lines,channels,ecr-eft,life-recovery,secrets' +
  (process.env['SOAK']
    ? ',abuse-input,channels-pipes,life-{exit-status,signals,vanish,wires},super-servers*'
    : '');

export default defineConfig({
  test: {
    globalSetup: ['test/kit/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 45_000 } }, // only ends a wait that would never end
    maxWorkers: 4, // much of the time is spent waiting for processes
    projects: [
      { extends: true, test: { name: 'suite', include: ['test/**/*.test.ts'] } },
      {
        // Conversations with real programs once more, every wire a byte at a time; a soak takes more of them. Left out is
        // what sends by the megabyte, and WebSocket, which has messages and no bytes.
        extends: true,
        test: {
          name: 'torture',
          env: { TEST_TORTURE: '1' },
          include: [`test/interop/{${bytewise}}.integration.test.ts`],
        },
      },
    ],
  },
});
