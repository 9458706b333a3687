#!/usr/bin/env node
// First of all: SIGUSR1 would open Node's debugger on a program that handles money.
process.on('SIGUSR1', () => {});
// One that came before may have opened it already, or be about to.
const closeDebugger = () => {
  const inspector = process.getBuiltinModule('node:inspector');
  const isWanted = [process.env.NODE_OPTIONS, ...process.execArgv].some((text) =>
    text?.includes('--inspect'),
  );
  if (inspector.url() !== undefined && !isWanted) inspector.close();
};
for (const delayMs of [0, 200, 1000]) setTimeout(closeDebugger, delayMs).unref();
closeDebugger();
// Many short-lived objects and few long-lived ones: without this the young generation grows to 48 MB and stays so.
process.getBuiltinModule('node:v8').setFlagsFromString('--semi-space-growth-factor=1');
void import('../dist/cli.js').then(
  (cli) => cli.main(),
  (fault) => {
    const [why] = String(fault.message).split('\n');
    process.stderr.write(
      `posbridge: the program cannot be loaded: ${why}; "npm ci" in its folder builds it\n`,
    );
    process.exit(111);
  },
);
