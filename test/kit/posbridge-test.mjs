#!/usr/bin/env node
// The program with fault points (POSBRIDGE_FAULT), built by the tests' global set-up.
process.on('SIGUSR1', () => {});
const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);
const { load } = require('../../bin/posbridge.js');
load(require.resolve('../../dist-test/bridge.cjs')).main();
