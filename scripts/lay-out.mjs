// Which of the program's files each module of src/ goes into.
import path from 'node:path';
import { build } from 'esbuild';

export const BRIDGE = 'bridge.cjs';
const MAIN = 'cli/main.ts';

/**
 * `fileOf` tells where a module is, `lent` which modules a file has that others ask it for.
 *
 * @param settings esbuild's
 */
export async function layOut(src, settings) {
  const imports = await readImports(src, settings);
  const first = reachedFrom(MAIN, imports);
  const commands = new Map(
    [...imports.keys()]
      .filter((module) => isLoadedLater(module, imports) && path.dirname(module) === 'cli')
      .map((module) => [module, reachedFrom(module, imports)]),
  );
  const fileOf = new Map(
    [...imports.keys()].map((module) => [module, first.has(module) ? BRIDGE : partOf(module, commands)]),
  );
  const lent = Object.fromEntries([...fileOf.values()].map((file) => [file, new Set()]));
  for (const [module, found] of imports) {
    for (const { to } of found) if (fileOf.get(to) !== fileOf.get(module)) lent[fileOf.get(to)].add(to);
  }
  return { fileOf, lent };
}

/** A part for each folder; in `cli` also one for each file that is loaded later, with what it alone needs. */
function partOf(module, commands) {
  const users = [...commands.keys()].filter((command) => commands.get(command).has(module));
  const isOwn = commands.has(module) || (path.dirname(module) === 'cli' && users.length === 1);
  const name = commands.has(module) ? module : users[0];
  return `part-${(isOwn ? name.slice(0, -'.ts'.length) : path.dirname(module)).replaceAll('/', '-')}.cjs`;
}

/** For each module of the program, in order: what it imports, and whether by `import()`. */
async function readImports(src, settings) {
  const entryPoints = [path.join(src, MAIN)];
  const { metafile } = await build({
    ...settings,
    entryPoints,
    sourcemap: false,
    write: false,
    metafile: true,
  });
  const inputs = Object.entries(metafile.inputs).map(([input, { imports }]) => [
    path.relative(src, input),
    imports
      .filter(({ external }) => !external)
      .map(({ path: to, kind }) => ({ to: path.relative(src, to), isLater: kind === 'dynamic-import' })),
  ]);
  return new Map(inputs.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function isLoadedLater(module, imports) {
  return [...imports.values()].flat().some(({ to, isLater }) => isLater && to === module);
}

/** What is loaded with a module at once. */
function reachedFrom(module, imports) {
  const reached = new Set([module]);
  for (const one of reached) {
    for (const { to, isLater } of imports.get(one)) if (!isLater) reached.add(to);
  }
  return reached;
}
