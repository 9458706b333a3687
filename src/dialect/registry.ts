import type { Dialect } from './dialect.ts';
import { jsonpos } from './jsonpos/dialect.ts';

/** Every dialect by name; all but the default are loaded when they are asked for. */
const dialects: Readonly<Record<string, () => Promise<Dialect>>> = {
  jsonpos: async () => jsonpos,
  openfsc: async () => (await import('./openfsc/dialect.ts')).openfsc,
};

export const DIALECT_NAMES: readonly string[] = Object.keys(dialects);

export async function loadDialect(name: string): Promise<Dialect | undefined> {
  return Object.hasOwn(dialects, name) ? dialects[name]?.() : undefined;
}
