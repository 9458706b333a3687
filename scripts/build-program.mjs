// Bundles the command line. One process serves one connection, so its start is the price of every connection; what
// makes it cheap:
//
// - bridge.cjs has what every bridge needs: what is imported statically from src/cli/main.ts. Everything else is in
//   part-*.cjs, one for each folder of src/, and for each command: V8 looks through a file whole before it runs any of
//   it.
//   A module is in one file only, so that its classes and its state exist once; the files ask each other for modules by
//   name.
// - CommonJS: Node.js 20 needs 6 ms more before the first statement of an ES module.
// - Neither comments nor indentation: a process keeps the text of what it runs.
// - lazy-builtins.mjs, and the code cache of make-code-cache.mjs.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { frameOf } from './bench/messages.mjs';
import { BRIDGE, layOut } from './lay-out.mjs';
import { lazyBuiltins } from './lazy-builtins.mjs';

const SRC = path.resolve('src');
const KEEPALIVE = frameOf({ jsonrpc: '2.0', id: '1', method: '_Keepalive', params: {} });
const REPLACED = 'the program was replaced while it ran; start it again';

/** Writes all files into `outdir`; `common` is what every build of esbuild's is made with. */
export async function buildProgram(outdir, common) {
  const settings = {
    ...common,
    format: 'cjs',
    minifyWhitespace: true,
    lineLimit: 120,
    define: { ...common.define, 'import.meta.filename': '__filename', 'import.meta.dirname': '__dirname' },
  };
  const id = await buildId(common.define);
  const { fileOf, lent } = await layOut(SRC, settings);
  const bundle = (file, entry, more) =>
    build({
      ...settings,
      ...more,
      plugins: [elsewhere(file, fileOf), ...(more.plugins ?? [])],
      stdin: { contents: entry, resolveDir: SRC, sourcefile: file, loader: 'ts' },
      outfile: path.join(outdir, file),
    });

  const { [BRIDGE]: lentByBridge, ...parts } = lent;
  const exported = await exportsOf([...lentByBridge]);
  await Promise.all([
    bundle(
      BRIDGE,
      [
        `export { main } from './cli/main.ts';`,
        `export const build = '${id}';`,
        ...[...exported].map(
          ([module, names], at) =>
            `import { ${names.map((name) => `${name} as ${name}_${at}`)} } from './${module}';`,
        ),
        registry(
          exported.keys(),
          (module, at) => `({ ${exported.get(module).map((name) => `${name}: ${name}_${at}`)} })`,
        ),
      ].join('\n'),
      {
        plugins: [lazyBuiltins],
        // As Node.js wraps a module: what bin/posbridge.js compiles is the file as it is.
        banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
        footer: { js: '})' },
      },
    ),
    ...Object.entries(parts).map(([file, modules]) =>
      bundle(
        file,
        registry([...modules].sort(), (module) => `require('./${module}')`),
        { banner: { js: `if (require("./${BRIDGE}").build !== "${id}") throw new Error("${REPLACED}");` } },
      ),
    ),
  ]);
  const file = path.resolve(outdir, BRIDGE);
  // It is read as Latin-1, which costs the least; esbuild writes ASCII, but for regular expressions.
  const strange = /.{0,40}[\x80-\xff].{0,40}/.exec(await readFile(file, 'latin1'));
  if (strange) throw new Error(`${file}: write it as \\uXXXX: ${strange[0]}`);
  execFileSync(process.execPath, ['scripts/make-code-cache.mjs', file], {
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

/** For other files: modules by their path below src/. */
function registry(modules, exportsOf) {
  const entries = [...modules].map(
    (module, at) => `${JSON.stringify(module)}: () => ${exportsOf(module, at)},`,
  );
  return `export const modules = {\n${entries.join('\n')}\n};`;
}

/** Asks the other files for the modules that are there. */
function elsewhere(file, fileOf) {
  return {
    name: 'elsewhere',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\./ }, ({ path: to, resolveDir, namespace }) => {
        if (namespace === 'elsewhere') return { path: to, external: true };
        const module = path.relative(SRC, path.resolve(resolveDir, to));
        return fileOf.get(module) === file ? undefined : { path: module, namespace: 'elsewhere' };
      });
      onLoad({ filter: /./, namespace: 'elsewhere' }, ({ path: module }) => ({
        contents: `module.exports = require('./${fileOf.get(module)}').modules[${JSON.stringify(module)}]();`,
      }));
    },
  };
}
