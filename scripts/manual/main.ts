import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { completion } from './completion.ts';
import { manPage, pageName } from './man-page.ts';
import { NAMES } from './rows.ts';

/** Writes the manual pages and the completion for bash into a folder. */
export function writeManual(folder: string, version: string): void {
  const pages = path.join(folder, 'man');
  mkdirSync(pages, { recursive: true });
  for (const command of NAMES) {
    writeFileSync(path.join(pages, `${pageName(command)}.1`), manPage(command, version));
  }
  writeFileSync(path.join(folder, 'posbridge.bash'), completion());
}
