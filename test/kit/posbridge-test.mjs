#!/usr/bin/env node
// The program with fault points (POSBRIDGE_FAULT), built by the tests' global set-up.
process.on('SIGUSR1', () => {});
void import('../../dist-test/cli.js').then((cli) => cli.main());
