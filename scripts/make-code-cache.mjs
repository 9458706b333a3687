// Runs a bridge that answers what is on standard input, and writes what V8 has compiled for that to a file beside the
// bundle, for the start of bin/posbridge.js. (All that has run is in it: with less, a start takes 20 ms more.)
//
//     node scripts/make-code-cache.mjs BUNDLE < FRAMES
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [node, self, bundle] = process.argv;
const { cacheOf, load } = createRequire(import.meta.url)('../bin/posbridge.js');
process.argv = [node, self, '--app', 'null:'];
const program = load(bundle, (script) => {
  process.on('exit', () => writeFileSync(cacheOf(bundle), script.createCachedData()));
});
program.main();
