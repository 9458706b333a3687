#!/bin/sh
':' /*
# A shell runs this part. It hands on what Node.js forgets at its start: whether SIGHUP is ignored (nohup). A shell cannot
# trap a signal that was ignored when the shell started.
_POSBRIDGE_NOHUP=1
trap '_POSBRIDGE_NOHUP=' HUP
kill -HUP $$
export _POSBRIDGE_NOHUP
exec node "$0" "$@"
*/;
// First of all: SIGUSR1 would open Node's debugger on a program that handles money.
process.on('SIGUSR1', () => {});
// Node.js has made SIGHUP end the process again.
if (process.env._POSBRIDGE_NOHUP) process.on('SIGHUP', () => {});
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { Script } = require('node:vm');

/**
 * Loads dist/bridge.cjs with the code that V8 has compiled for it already, which is in a file beside it: a start takes
 * 15 ms less than by compiling the source again. It is for one release of Node.js; another one compiles. V8 trusts what
 * is in it, and of the source looks at the length only: nobody but the build may write either
 * (scripts/make-code-cache.mjs), and a cache that is damaged inside kills the process.
 */
function load(file, onScript) {
  let cachedData;
  try {
    cachedData = readFileSync(cacheOf(file));
  } catch {} // compiled then
  const script = new Script(readFileSync(file, 'latin1'), {
    filename: 'posbridge/bridge.cjs', // the cache remembers it, wherever it is put
    cachedData,
  });
  onScript?.(script);
  const folder = path.dirname(file);
  const requireThere = (id) => require(id.startsWith('./') ? path.join(folder, id) : id);
  const module = { exports: {} };
  script.runInThisContext()(module.exports, requireThere, module, file, folder);
  // For the other parts, which are loaded as any other module.
  require.cache[file] = { id: file, filename: file, loaded: true, exports: module.exports, children: [] };
  return module.exports;
}

/** V8 does not look whether a cache is for this kind of processor. */
function cacheOf(file) {
  return `${file}.${process.version}-${process.arch}.cache`;
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
  setTimeout(closeDebugger, 10).unref();
  setTimeout(settle, 100).unref();
}

module.exports = { cacheOf, load, start };
if (require.main === module) start();
