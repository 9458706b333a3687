// Bundles src/ for simulated processes: everything that reaches outside the language is taken from the realm that each
// of them gets.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const HERE = import.meta.dirname;
const SRC = path.resolve(HERE, '../../src');
/**
 * Files of src/ that touch sockets, descriptors or the log's file, or are quicker than a disk, and what stands in for
 * them.
 */
const INSIDE = {
  'wire/socket.ts': 'socket.ts',
  'wire/listen.ts': 'listen.ts',
  'wire/fd.ts': 'fd.ts',
  'wire/descriptor.ts': 'fd.ts',
  'base/log-sink.ts': 'log-sink.ts',
  'base/files.ts': 'files.ts',
};
/** What a simulated process has of the runtime's modules. Any other one can be bundled, and fails when it is used. */
const GLOBALS = {
  process: '__realm.process',
  Date: '__realm.Date',
  setTimeout: '__realm.setTimeout',
  setInterval: '__realm.forbidden',
  setImmediate: '__realm.setImmediate',
  clearTimeout: '__realm.clear',
  clearInterval: '__realm.clear',
  clearImmediate: '__realm.clear',
  performance: '__realm.performance',
  fetch: '__realm.forbidden',
  WebSocket: '__realm.forbidden',
  'Math.random': '__realm.random',
  'import.meta.filename': '"/posbridge/program.js"',
  'import.meta.dirname': '"/posbridge"',
  'import.meta.url': '"file:///posbridge/program.js"',
};

/** @returns JavaScript: a function that takes a realm and gives what inside/subject.ts exports. */
export async function bundleSubject() {
  const { outputFiles } = await build({
    entryPoints: [path.join(HERE, 'inside/subject.ts')],
    bundle: true,
    format: 'iife',
    globalName: 'subject',
    platform: 'node',
    target: 'node20.19',
    write: false,
    minifySyntax: true,
    define: { ...GLOBALS, POSBRIDGE_VERSION: '"0.0.0"', POSBRIDGE_TEST_BUILD: 'false' },
    plugins: [{ name: 'simulated', setup: simulated }],
    logLevel: 'error',
  });
  const code = outputFiles[0].text;
  return `(function (__realm) {\n${code}\nreturn subject;\n})`;
}

/** A variable of a module, and a collection that it begins empty with. */
const VARIABLE = /^(?:export )?let (\w+)(?:: [^=;]+)?(?: = ([^;]+))?;$/gm;
const COLLECTION = /^(?:export )?const (\w+)(?:: [^=]+)? = (?:new (?:Map|Set)(?:<.*>)?\(\)|(\[\]));$/gm;

/** A module's text, with what makes it forget everything that it has kept since it was loaded. */
function resettable(file) {
  const text = readFileSync(file, 'utf8');
  const variables = [...text.matchAll(VARIABLE)];
  if (variables.length !== (text.match(/^(?:export )?let /gm) ?? []).length) {
    throw new Error(`${file} has a variable of a form that the simulation cannot reset`);
  }
  const resets = [
    ...variables.map(([, name, first = 'undefined']) => `${name} = ${first};`),
    ...[...text.matchAll(COLLECTION)].map(([, name, list]) =>
      list === undefined ? `${name}.clear();` : `${name}.length = 0;`,
    ),
  ];
  return resets.length === 0 ? text : `${text}\n__realm.resets.push(() => { ${resets.join(' ')} });\n`;
}

function simulated({ onResolve, onLoad }) {
  onLoad({ filter: /\.ts$/, namespace: 'file' }, ({ path: file }) =>
    file.startsWith(`${SRC}${path.sep}`) ? { contents: resettable(file), loader: 'ts' } : undefined,
  );
  onResolve({ filter: /^\./ }, ({ path: name, resolveDir, importer }) => {
    const file = path.resolve(resolveDir, name);
    const stand = INSIDE[path.relative(SRC, file)];
    if (stand === undefined || importer.startsWith(path.join(HERE, 'inside'))) return undefined;
    return { path: path.join(HERE, 'inside', stand) };
  });
  onResolve({ filter: /^[^./]/ }, ({ path: name }) => ({ path: name, namespace: 'realm' }));
  onLoad({ filter: /.*/, namespace: 'realm' }, ({ path: name }) => ({
    contents: `module.exports = __realm.modules[${JSON.stringify(name)}] ?? new Proxy({}, {
      get: (_, member) => __realm.forbidden(${JSON.stringify(name)} + ' ' + String(member)),
      has: () => true });`,
    loader: 'js',
  }));
}
