#!/usr/bin/env node
// The program with fault points (POSBRIDGE_FAULT), built by the tests' global set-up.
import { createRequire } from 'node:module';

process.on('SIGUSR1', () => {});
const require = createRequire(import.meta.url);
const { load } = require('../../bin/posbridge.js');
load(require.resolve('../../dist-test/bridge.cjs')).main();
