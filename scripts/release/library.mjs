// What the program needs at run time, as a folder: launcher, bundles, pages, and the packages of production without
// what only people, compilers and other machines read.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** Every file: its name in the folder and where it is here. */
export function libraryFiles(root) {
  const dist = readdirSync(path.join(root, 'dist'), { recursive: true }).filter(isProgram);
  const names = [
    'package.json',
    'LICENSE',
    'bin/package.json',
    'bin/posbridge.js',
    ...dist.map((name) => `dist/${name}`),
    ...packages(root).flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true })
        .filter((name) => isOfPackage(name))
        .map((name) => `${folder}/${name}`)
        .filter((name) => !isCommand(path.join(root, name))),
    ),
  ];
  return names.filter((name) => statSync(path.join(root, name)).isFile()).sort();
}

/** All of them in one piece: a line with names and sizes, then their contents. */
export function pack(root, names) {
  const contents = names.map((name) => readFileSync(path.join(root, name)));
  const index = names.map((name, at) => ({ name, size: contents[at].length }));
  return Buffer.concat([Buffer.from(`${JSON.stringify(index)}\n`), ...contents]);
}

export function idOf(packed) {
  return createHash('sha256').update(packed).digest('hex').slice(0, 16);
}

/** Commands of packages are for developers, and want a node in PATH. */
function isCommand(file) {
  return statSync(file).isFile() && readFileSync(file).subarray(0, 2).toString('latin1') === '#!';
}

function isProgram(name) {
  return /^(?:bridge\.cjs|part-[^/]*\.cjs|bridge\.cjs\..*\.cache)$|^(?!types\/|man\/)[^/]+\//.test(name);
}

/** Folders of packages that are no development packages, and are for this machine. */
function packages(root) {
  const { packages: all } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  return Object.keys(all).filter(
    (folder) =>
      folder !== '' && !all[folder].dev && !/-musl$/.test(folder) && existsSync(path.join(root, folder)),
  );
}

function isOfPackage(name) {
  if (/(?:^|\/)node_modules\//.test(name)) return false; // has an entry of its own
  if (/(?:^|\/)\./.test(name)) return false;
  if (/(?:^|\/)(?:test|tests|deps|docs?|examples?|benchmarks?|\.github)\//i.test(name)) return false;
  if (/(?:^|\/)prebuilds\//.test(name) && !/prebuilds\/linux-x64\/(?!.*musl)/.test(name)) return false;
  return /\.(?:js|cjs|mjs|json|node)$|(?:^|\/)(?:licen[cs]e|notice|copying)[^/]*$/i.test(name);
}
