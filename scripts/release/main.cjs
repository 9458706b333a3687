// The first code of the single executable. The program itself is a folder: beside the executable where a package has
// put it (lib/), else unpacked once from the executable into a folder of this user's.
process.on('SIGUSR1', () => {}); // would open Node's debugger on a program that handles money
const { getAsset, getRawAsset } = require('node:sea');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const os = require('node:os');
const path = require('node:path');

/** Of the content: a folder with another one belongs to another version. */
const ID = getAsset('id', 'utf8');

try {
  const folder = beside() ?? unpacked();
  createRequire(path.join(folder, 'bin/'))('./posbridge.js').start();
} catch (fault) {
  const [why] = String(fault.message).split('\n');
  process.stderr.write(`posbridge: the program cannot be loaded: ${why}\n`);
  process.exit(111);
}

function beside() {
  const folder = path.join(path.dirname(process.execPath), 'lib');
  try {
    return fs.readFileSync(path.join(folder, 'id'), 'latin1') === ID && isOurs(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

function unpacked() {
  const base = cacheFolder();
  const folder = path.join(base, ID);
  if (!fs.existsSync(folder)) unpack(folder); // it gets its name when it is complete
  if (!isOurs(base) || !isOurs(folder)) {
    throw new Error(`${folder} belongs to somebody else, or others may write there: remove it`);
  }
  return folder;
}

/** Made if need be. Code is run from there: nobody else may write to it. */
function cacheFolder() {
  const { XDG_CACHE_HOME: cache, HOME: home, XDG_RUNTIME_DIR: runtime } = process.env;
  const places = [
    ...(cache ? [path.join(cache, 'posbridge')] : []),
    ...(home ? [path.join(home, '.cache/posbridge')] : []),
    ...(runtime ? [path.join(runtime, 'posbridge')] : []),
    path.join(os.tmpdir(), `posbridge-${process.getuid()}`),
  ];
  for (const place of places.filter(path.isAbsolute)) {
    try {
      fs.mkdirSync(place, { recursive: true, mode: 0o700 });
      fs.accessSync(place, fs.constants.W_OK);
      return place;
    } catch {} // the next one then
  }
  throw new Error(`there is no folder to unpack it to (${places.join(', ')}): set XDG_CACHE_HOME`);
}

function isOurs(folder) {
  const found = fs.lstatSync(folder);
  const { uid, mode } = found;
  return found.isDirectory() && (uid === 0 || uid === process.getuid()) && (mode & 0o022) === 0;
}

/** Complete, or not at all: whoever starts at the same time, and a power cut, find no half. */
function unpack(folder) {
  const fresh = fs.mkdtempSync(`${folder}.`);
  try {
    const bytes = require('node:zlib').gunzipSync(getRawAsset('lib'));
    const end = bytes.indexOf(0x0a);
    let at = end + 1;
    for (const { name, size } of JSON.parse(bytes.subarray(0, end).toString())) {
      const file = path.join(fresh, name);
      fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
      fs.writeFileSync(file, bytes.subarray(at, at + size), { mode: 0o644 });
      at += size;
    }
    fs.chmodSync(fresh, 0o755);
    try {
      execFileSync('sync', ['-f', fresh]);
    } catch {} // no such program: then only a power cut in the next half minute could harm it
    fs.renameSync(fresh, folder);
  } catch (fault) {
    fs.rmSync(fresh, { recursive: true, force: true });
    if (fault.code !== 'ENOTEMPTY' && fault.code !== 'EEXIST') throw fault;
  }
}
