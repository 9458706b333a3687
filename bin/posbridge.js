#!/usr/bin/env node
// First of all: SIGUSR1 would open Node's debugger on a program that handles money.
process.on('SIGUSR1', () => {});
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { Script } = require('node:vm');

/**
 * `require(file)` of what scripts/build-program.mjs has made, with the code that V8 has compiled for it already, in FILE.cache: a start takes 15 ms less than by compiling the
 * source again. The cache is of one release of Node.js; with another one V8 refuses it and compiles. V8 trusts
 * what is in it, and the source decides only by its length, so both are of one build (scripts/make-code-cache.mjs).
 */
function load(file, onScript) {
  let cachedData;
  try {
    cachedData = readFileSync(`${file}.cache`);
  } catch {} // compiled then
  const script = new Script(readFileSync(file, 'latin1'), {
    filename: `posbridge/${path.basename(file)}`, // the cache remembers it, wherever it is put
    cachedData,
  });
  onScript?.(script);
  const module = { exports: {} };
  const folder = path.dirname(file);
  modules.set(file, module);
  script.runInThisContext()(module.exports, (id) => requireFrom(folder, id), module, file, folder);
  return module.exports;
}

const modules = new Map();

function requireFrom(folder, id) {
  if (!id.startsWith('./')) return require(id);
  const file = path.join(folder, id);
  return modules.get(file)?.exports ?? load(file);
}

/** What can wait until the first answers are given: each of these loads a module of Node.js. */
function settle() {
  closeDebugger();
  setTimeout(closeDebugger, 1000).unref();
  // Many short-lived objects and few long-lived ones: without this the young generation grows to 48 MB and stays so.
  process.getBuiltinModule('node:v8').setFlagsFromString('--semi-space-growth-factor=1');
}

/** A SIGUSR1 that came before the first statement has opened it, or is about to. */
function closeDebugger() {
  const inspector = process.getBuiltinModule('node:inspector');
  const isWanted = [process.env.NODE_OPTIONS, ...process.execArgv].some((text) =>
    text?.includes('--inspect'),
  );
  if (inspector.url() !== undefined && !isWanted) inspector.close();
}

function start() {
  try {
    load(path.join(__dirname, '../dist/bridge.cjs')).main();
  } catch (fault) {
    const [why] = String(fault.message).split('\n');
    process.stderr.write(
      `posbridge: the program cannot be loaded: ${why}; "npm ci" in its folder builds it\n`,
    );
    process.exit(111);
  }
  setTimeout(settle, 100).unref();
}

module.exports = { load };
if (require.main === module) start();
