// The library's surface: writes src/index.api.md, the report of what it exports, from the declarations in dist/types.
// With --check: fails if the report there says something else.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { extract } from './extract.mjs';

const root = path.dirname(import.meta.dirname);
const DIFFERENT =
  'the library exports something else than src/index.api.md says: "npm run api", and look at the difference';

const isCheck = process.argv.includes('--check');
const isSame = compareReport();
if (!isSame) console.error(isCheck ? DIFFERENT : 'src/index.api.md is written anew');
process.exitCode = isCheck && !isSame ? 1 : 0;

/** Whether the report was what the declarations say now; without --check it is so afterwards. */
function compareReport() {
  const fresh = mkdtempSync(path.join(tmpdir(), 'posbridge-api-'));
  const apiReport = {
    enabled: true,
    reportFolder: path.join(root, 'src'),
    reportTempFolder: fresh,
    reportFileName: 'index.api.md',
  };
  try {
    const entry = path.join(root, 'dist/types/index.d.ts');
    return !extract(entry, { apiReport }, { localBuild: !isCheck }).apiReportChanged;
  } finally {
    rmSync(fresh, { recursive: true });
  }
}
