// One executable for x64, dist/posbridge: this Node.js with the whole program in it.
//
//     node scripts/release/executable.mjs
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { idOf, libraryFiles, pack } from './library.mjs';

const { inject } = createRequire(import.meta.url)('postject');
const ROOT = path.dirname(path.dirname(import.meta.dirname));

/** Returns the id of the library that is in it. */
export async function buildExecutable(target) {
  const packed = pack(ROOT, libraryFiles(ROOT));
  const id = idOf(packed);
  const folder = mkdtempSync(path.join(tmpdir(), 'posbridge-executable-'));
  const file = (name) => path.join(folder, name);
  try {
    writeFileSync(file('lib'), gzipSync(packed, { level: 6 }));
    writeFileSync(file('id'), id);
    const config = {
      main: path.join(ROOT, 'scripts/release/main.cjs'),
      output: file('blob'),
      disableExperimentalSEAWarning: true,
      assets: { lib: file('lib'), id: file('id') },
    };
    writeFileSync(file('config.json'), JSON.stringify(config));
    execFileSync(process.execPath, ['--experimental-sea-config', file('config.json')], { stdio: 'pipe' });
    const fresh = `${target}.${process.pid}`;
    copyFileSync(process.execPath, fresh);
    const { warn } = console;
    console.warn = () => {}; // about names of sections that nobody reads
    await inject(fresh, 'NODE_SEA_BLOB', readFileSync(file('blob')), {
      sentinelFuse: 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2',
    });
    console.warn = warn;
    chmodSync(fresh, 0o755);
    renameSync(fresh, target);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return id;
}

if (process.argv[1] === import.meta.filename) {
  const target = path.join(ROOT, 'dist/posbridge');
  await buildExecutable(target);
  console.log(target);
}
