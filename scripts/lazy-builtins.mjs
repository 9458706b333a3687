import { promisify } from 'node:util';

/**
 * Modules of Node.js that a bridge does not need to begin with. Loading all of them takes 11 ms and 2 MB, a quarter of
 * what a process costs without them.
 */
const LAZY = /^node:(child_process|crypto|fs\/promises|module|timers\/promises|zlib)$/;

/**
 * Makes a bundle load each of these when a function of it is first called. Functions only: the build fails where
 * something else is imported from them (constants are also in node:fs), or a function that is more than its call.
 */
export const lazyBuiltins = {
  name: 'lazy-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: LAZY }, ({ path }) => ({ path, namespace: 'lazy-builtins', sideEffects: false }));
    onLoad({ filter: /./, namespace: 'lazy-builtins' }, ({ path }) => ({
      contents: Object.entries(process.getBuiltinModule(path))
        .filter(([, value]) => typeof value === 'function' && !(promisify.custom in value) && !isClass(value))
        .map(
          ([name]) =>
            `export const ${name} = (...given) => process.getBuiltinModule('${path}').${name}(...given);`,
        )
        .join('\n'),
    }));
  },
};

function isClass(value) {
  return /^[A-Z]/.test(value.name);
}
