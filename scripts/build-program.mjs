// Bundles the command line. One process serves one connection, so its start is the price of every connection; what makes
// it cheap:
//
// - Two files. bridge.cjs has what every bridge needs: what is imported statically from src/cli/main.ts. rest.cjs has what is imported
//   dynamically: the other commands and dialects, WebSocket, serial lines, the simulators. A module is in one of them only, so
//   that its classes and its state exist once; each file asks the other for modules by name.
// - CommonJS: Node.js 20 needs 6 ms more before the first statement of an ES module.
// - lazy-builtins.mjs, and the code cache of make-code-cache.mjs.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { build } from 'esbuild';
import { lazyBuiltins } from './lazy-builtins.mjs';

const SRC = path.resolve('src');
const KEEPALIVE = '{"jsonrpc":"2.0","id":"1","method":"_Keepalive","params":{}}';

/** Writes both files into `outdir`; `define` gives names their values. */
export async function buildProgram(outdir, define) {
  const settings = {
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    supported: { 'dynamic-import': false }, // `require` instead: code out of a cache has no other
    define: { ...define, 'import.meta.filename': '__filename', 'import.meta.dirname': '__dirname' },
    banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
    footer: { js: '})' }, // as Node.js wraps it: what is compiled is then the file as it is
    minifySyntax: true, // leaves out what the constants make unreachable
    logLevel: 'warning',
  };
  const bundle = (file, entry, plugins) =>
    build({
      ...settings,
      stdin: { contents: entry, resolveDir: SRC, sourcefile: file, loader: 'ts' },
      outfile: path.join(outdir, file),
      sourcemap: 'linked',
      sourcesContent: false,
      plugins,
    });

  const { own, others } = await split(settings);
  const asked = new Set();
  const fromBridge = elsewhere('bridge.cjs', (module) => own.has(module) && asked.add(module));
  await bundle(
    'rest.cjs',
    registry(others, (module) => `require('./${module}')`),
    [fromBridge],
  );
  const lent = await exportsOf([...asked].sort());
  await bundle(
    'bridge.cjs',
    [
      `export { main } from './cli/main.ts';`,
      ...[...lent].map(
        ([module, names], at) =>
          `import { ${names.map((name) => `${name} as ${name}_${at}`)} } from './${module}';`,
      ),
      registry(
        lent.keys(),
        (module, at) => `({ ${lent.get(module).map((name) => `${name}: ${name}_${at}`)} })`,
      ),
    ].join('\n'),
    [elsewhere('rest.cjs', (module) => others.has(module)), lazyBuiltins],
  );
  const length = KEEPALIVE.length.toString(16).padStart(8, '0');
  execFileSync(process.execPath, ['scripts/make-code-cache.mjs', path.join(outdir, 'bridge.cjs')], {
    stdio: 'pipe',
    env: {}, // what the program or Node.js would read from it must make no difference
    input: `${length}:${KEEPALIVE}\n`,
  });
}

/** The modules that are imported statically, and those that are asked for by `import()`. */
async function split(settings) {
  const others = new Set();
  const later = {
    name: 'later',
    setup({ onResolve }) {
      onResolve({ filter: /^\./ }, ({ kind, path: to, resolveDir }) => {
        if (kind !== 'dynamic-import') return undefined;
        others.add(moduleOf(resolveDir, to));
        return { path: to, external: true };
      });
    },
  };
  const entryPoints = [path.join(SRC, 'cli/main.ts')];
  const { metafile } = await build({
    ...settings,
    entryPoints,
    write: false,
    metafile: true,
    plugins: [later],
  });
  const own = new Set(Object.keys(metafile.inputs).map((input) => path.relative(SRC, input)));
  return { own, others: new Set([...others].filter((module) => !own.has(module))) };
}

/** What these modules export. */
async function exportsOf(modules) {
  const { metafile } = await build({
    entryPoints: modules.map((module) => path.join(SRC, module)),
    outdir: SRC,
    outbase: SRC,
    format: 'esm',
    write: false,
    metafile: true,
  });
  return new Map(
    Object.values(metafile.outputs).map(({ entryPoint, exports }) => [
      path.relative(SRC, entryPoint),
      exports,
    ]),
  );
}

/** For the other file: modules by their path below src/. */
function registry(modules, exportsOf) {
  const entries = [...modules].map(
    (module, at) => `${JSON.stringify(module)}: () => ${exportsOf(module, at)},`,
  );
  return `export const modules = {\n${entries.join('\n')}\n};`;
}

/** Asks the other file for the modules that are there. */
function elsewhere(file, isThere) {
  return {
    name: 'elsewhere',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\./ }, ({ path: to, resolveDir, namespace }) => {
        if (namespace === 'elsewhere') return { path: to, external: true };
        const module = moduleOf(resolveDir, to);
        return isThere(module) ? { path: module, namespace: 'elsewhere' } : undefined;
      });
      onLoad({ filter: /./, namespace: 'elsewhere' }, ({ path: module }) => ({
        contents: `module.exports = require('./${file}').modules[${JSON.stringify(module)}]();`,
      }));
    },
  };
}

function moduleOf(folder, to) {
  return path.relative(SRC, path.resolve(folder, to));
}
