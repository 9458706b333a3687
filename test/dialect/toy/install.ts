import { DIALECTS } from '../../../src/dialect/registry.ts';
import type { DialectRow } from '../../../src/dialect/row.ts';
import { toyRow } from './row.ts';

/** The line in the registry: imported before anything that reads it. */
(DIALECTS as DialectRow[]).push(toyRow);
