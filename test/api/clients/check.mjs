// Lints an OpenAPI document by the strictest of Redocly's rules, generates the types of a client from it, compiles the
// client with them, and runs it: node check.mjs DOCUMENT FOLDER URL
import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import openapiTS, { astToString } from 'openapi-typescript';
import ts from 'typescript';

const run = promisify(execFile);
const own = import.meta.dirname;
const [document = '', folder = '', url = ''] = process.argv.slice(2);

const linting = run(
  path.join(own, 'node_modules/.bin/redocly'),
  ['lint', document, '--extends=recommended-strict'],
  {
    cwd: own,
    env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
  },
);

writeFileSync(path.join(folder, 'schema.ts'), astToString(await openapiTS(readFileSync(document, 'utf8'))));
copyFileSync(path.join(own, 'client.ts'), path.join(folder, 'client.ts'));
writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
symlinkSync(path.join(own, 'node_modules'), path.join(folder, 'node_modules'));
const program = ts.createProgram([path.join(folder, 'client.ts')], {
  strict: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  skipLibCheck: true,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  types: [],
});
const faults = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics].filter(
  // The example has no types of Node.js, of which it uses two names.
  ({ code, messageText }) => !(code === 2591 || (code === 2580 && String(messageText).includes('process'))),
);
if (faults.length > 0) {
  console.error(
    ts.formatDiagnostics(faults, {
      getCurrentDirectory: () => folder,
      getCanonicalFileName: (name) => name,
      getNewLine: () => '\n',
    }),
  );
  process.exit(1);
}
const { stdout } = await run(process.execPath, [path.join(folder, 'client.js'), url]);
await linting.catch((fault) => {
  console.error(fault.stdout, fault.stderr);
  process.exit(1);
});
process.stdout.write(stdout);
