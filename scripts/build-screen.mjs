import { build } from 'esbuild';

const WEB = 'src/terminal/screen/web';

/** Bundles the page of the simulated terminal's screen: everything a browser loads, nothing from elsewhere. */
export async function buildScreen(outdir) {
  await build({
    entryPoints: {
      app: `${WEB}/main.tsx`,
      style: `${WEB}/style.css`,
      index: `${WEB}/index.html`,
      icon: `${WEB}/icon.svg`,
    },
    outdir,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: ['chrome110', 'firefox115', 'safari16.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    loader: { '.html': 'copy', '.svg': 'copy' },
    minify: true,
    legalComments: 'none',
    banner: { js: '/*! Contains Preact, (c) 2015-present Jason Miller, MIT licence */' },
    logLevel: 'warning',
  });
}
