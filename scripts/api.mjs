// The library's surface: writes src/index.api.md, the report of what it exports, from the declarations in dist/types.
// With --check: fails if the report there says something else.
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

const require = createRequire(import.meta.url);
const root = path.dirname(import.meta.dirname);
const DIFFERENT =
  'the library exports something else than src/index.api.md says: "npm run api", and look at the difference';

const isCheck = process.argv.includes('--check');
const isSame = compareReport();
if (!isSame) console.error(isCheck ? DIFFERENT : 'src/index.api.md is written anew');
process.exitCode = isCheck && !isSame ? 1 : 0;

/** Whether the report was what the declarations say now; without --check it is so afterwards. */
function compareReport() {
  const { Extractor, ExtractorConfig, ExtractorLogLevel } = require('@microsoft/api-extractor');
  const fresh = mkdtempSync(path.join(tmpdir(), 'posbridge-api-'));
  const types = path.join(root, 'dist/types');
  const entry = path.join(types, 'index.d.ts');
  const silent = { default: { logLevel: ExtractorLogLevel.None } };
  const compilerOptions = {
    target: 'ES2023',
    lib: ['ES2023'],
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    types: ['node'],
    strict: true,
    skipLibCheck: true,
  };
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: entry,
      newlineKind: 'lf',
      compiler: { overrideTsconfig: { compilerOptions, files: [entry] } },
      apiReport: {
        enabled: true,
        reportFolder: path.join(root, 'src'),
        reportTempFolder: fresh,
        reportFileName: 'index.api.md',
      },
      dtsRollup: { enabled: false },
      docModel: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: { extractorMessageReporting: silent, tsdocMessageReporting: silent },
    },
    packageJsonFullPath: path.join(root, 'package.json'),
  });
  const messageCallback = (message) => {
    message.handled = message.logLevel !== ExtractorLogLevel.Error;
  };
  const result = Extractor.invoke(config, { localBuild: !isCheck, messageCallback });
  rmSync(fresh, { recursive: true });
  if (result.errorCount > 0) throw new Error('the declarations of the library cannot be read');
  return !result.apiReportChanged;
}
