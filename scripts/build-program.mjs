// Bundles the command line. One process serves one connection, so its start is the price of every connection; what makes
// it cheap:
//
// - Two files. bridge.cjs has what every bridge needs: what is imported statically from src/cli/main.ts. rest.cjs has what is imported
//   dynamically: the other commands and dialects, WebSocket, serial lines, the simulators. A module is in one of them only, so
//   that its classes and its state exist once; each file asks the other for modules by name.
// - CommonJS: Node.js 20 needs 6 ms more before the first statement of an ES module.
// - lazy-builtins.mjs, and the code cache of make-code-cache.mjs.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { frameOf } from './bench/messages.mjs';
import { lazyBuiltins } from './lazy-builtins.mjs';

const SRC = path.resolve('src');
const KEEPALIVE = frameOf({ jsonrpc: '2.0', id: '1', method: '_Keepalive', params: {} });
const REPLACED = 'the program was replaced while it ran; start it again';

/** Writes both files into `outdir`; `common` is what every build of esbuild's is made with. */
export async function buildProgram(outdir, common) {
  const settings = {
    ...common,
    format: 'cjs',
    define: { ...common.define, 'import.meta.filename': '__filename', 'import.meta.dirname': '__dirname' },
  };
  const id = await buildId(common.define);
  const bundle = (file, entry, more) =>
    build({
      ...settings,
      ...more,
      stdin: { contents: entry, resolveDir: SRC, sourcefile: file, loader: 'ts' },
      outfile: path.join(outdir, file),
    });

  const { own, others } = await split(settings);
  const asked = new Set();
  const fromBridge = elsewhere('bridge.cjs', (module) => own.has(module) && asked.add(module));
  await bundle(
    'rest.cjs',
    registry(others, (module) => `require('./${module}')`),
    {
      plugins: [fromBridge],
      banner: { js: `if (require("./bridge.cjs").build !== "${id}") throw new Error("${REPLACED}");` },
    },
  );
  const lent = await exportsOf([...asked].sort());
  await bundle(
    'bridge.cjs',
    [
      `export { main } from './cli/main.ts';`,
      `export const build = '${id}';`,
      ...[...lent].map(
        ([module, names], at) =>
          `import { ${names.map((name) => `${name} as ${name}_${at}`)} } from './${module}';`,
      ),
      registry(
        lent.keys(),
        (module, at) => `({ ${lent.get(module).map((name) => `${name}: ${name}_${at}`)} })`,
      ),
    ].join('\n'),
    {
      plugins: [elsewhere('rest.cjs', (module) => others.has(module)), lazyBuiltins],
      // As Node.js wraps a module: what bin/posbridge.js compiles is the file as it is.
      banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
      footer: { js: '})' },
    },
  );
  await refuseStrangeCharacters(path.join(outdir, 'bridge.cjs'));
  execFileSync(process.execPath, ['scripts/make-code-cache.mjs', path.join(outdir, 'bridge.cjs')], {
    stdio: 'pipe',
    env: {}, // what the program or Node.js would read from it must make no difference
    input: KEEPALIVE,
  });
}

/** Of the sources: two bundles with the same one fit each other. */
async function buildId(define) {
  const hash = createHash('sha256').update(JSON.stringify(define));
  const names = await readdir(SRC, { recursive: true });
  for (const name of names.filter((name) => name.endsWith('.ts')).sort()) {
    hash.update(await readFile(path.join(SRC, name)));
  }
  return hash.digest('hex').slice(0, 16);
}

/**
 * bridge.cjs is read as Latin-1, which costs the least, so outside comments all has to be ASCII; esbuild sees to that, but
 * for regular expressions.
 */
async function refuseStrangeCharacters(file) {
  const lines = (await readFile(file, 'latin1')).split('\n');
  const strange = lines.find((line) => /[\x80-\xff]/.test(line) && !/^\s*(\*|\/\*|\/\/)/.test(line));
  if (strange !== undefined) throw new Error(`${file}: write it as \\uXXXX: ${strange.trim()}`);
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
    sourcemap: false,
    write: false,
    metafile: true,
    plugins: [later],
  });
  const own = new Set(Object.keys(metafile.inputs).map((input) => path.relative(SRC, input)));
  return { own, others: new Set([...others].filter((module) => !own.has(module)).sort()) };
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
