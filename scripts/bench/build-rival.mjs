import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '../..');

/** Builds what a commit had, with the packages that are installed here, into a folder of its own. */
export function buildRival(ref, parent) {
  const folder = path.join(parent, 'against');
  const git = (...args) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  const name = git('rev-parse', '--short', `${ref}^{commit}`);
  git('worktree', 'add', '--quiet', '--detach', folder, name);
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: folder, stdio: 'inherit' });
  return { name, folder, remove: () => git('worktree', 'remove', '--force', folder) };
}
