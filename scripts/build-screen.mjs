import { readdirSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

/** The simulated terminal, the charge points of a central system, and the sales of the API. */
const PAGES = {
  screen: 'src/terminal/screen/web',
  operator: 'src/dialect/ocpp/screen/web',
  'api-page': 'src/api/web',
};

/** Bundles the pages, each into a folder of its own: everything a browser loads, nothing from elsewhere. */
export async function buildScreens(folder) {
  for (const [name, web] of Object.entries(PAGES)) await buildScreen(web, path.join(folder, name));
}

async function buildScreen(web, outdir) {
  const pictures = readdirSync(web).filter((name) => name.endsWith('.png'));
  await build({
    entryPoints: {
      ...Object.fromEntries(pictures.map((name) => [path.parse(name).name, `${web}/${name}`])),
      app: `${web}/main.tsx`,
      style: `${web}/style.css`,
      index: `${web}/index.html`,
      icon: `${web}/icon.svg`,
    },
    outdir,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: ['chrome110', 'firefox115', 'safari16.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    loader: { '.html': 'copy', '.svg': 'copy', '.png': 'copy' },
    minify: true,
    legalComments: 'none',
    banner: { js: '/*! Contains Preact, (c) 2015-present Jason Miller, MIT licence */' },
    logLevel: 'warning',
  });
}
