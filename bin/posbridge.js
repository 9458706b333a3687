#!/usr/bin/env node
// First of all: SIGUSR1 would open Node's debugger on a program that handles money.
process.on('SIGUSR1', () => {});
// One that came before may have opened it already, or be about to.
const closeDebugger = () => {
  const inspector = process.getBuiltinModule('node:inspector');
  if (inspector.url() !== undefined && process.execArgv.length === 0) inspector.close();
};
closeDebugger();
setImmediate(closeDebugger);
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
