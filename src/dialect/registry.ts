import type { Dialect } from './dialect.ts';

/** Every dialect by name, loaded when it is asked for. */
const dialects: Readonly<Record<string, () => Promise<Dialect>>> = {
  jsonpos: async () => (await import('./jsonpos/dialect.ts')).jsonpos,
  openfsc: async () => (await import('./openfsc/dialect.ts')).openfsc,
};

export const DIALECT_NAMES: readonly string[] = Object.keys(dialects);

export async function loadDialect(name: string): Promise<Dialect | undefined> {
  return Object.hasOwn(dialects, name) ? dialects[name]?.() : undefined;
}
