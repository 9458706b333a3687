// Writes src/dialect/ocpp/schema-texts.ts from the official JSON schemas of OCPP 1.6 and its security extension, which
// the development package ocpp-rpc carries: node scripts/make-ocpp-schemas.mjs
// With --print: to stdout instead.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
const schemas = require(
  path.join(path.dirname(require.resolve('ocpp-rpc/package.json')), 'lib/schemas/ocpp1_6.json'),
);

/** Keywords that change nothing about what is valid. */
const SILENT = new Set([
  '$id',
  '$schema',
  'id',
  'title',
  'description',
  'javaType',
  'comment',
  'definitions',
]);

/** The compact form that src/dialect/ocpp/schema.ts explains. Throws for a keyword that the form has no place for. */
function compact(schema, definitions) {
  if (schema.$ref !== undefined)
    return compact(definitions[schema.$ref.replace('#/definitions/', '')], definitions);
  const { type, ...rest } = schema;
  const out = { type };
  for (const [keyword, value] of Object.entries(rest)) {
    if (SILENT.has(keyword)) continue;
    if (keyword === 'properties') {
      out.members = Object.fromEntries(
        Object.entries(value).map(([name, member]) => [name, compact(member, definitions)]),
      );
    } else if (keyword === 'required') out.required = value;
    else if (keyword === 'items') out.items = compact(value, definitions);
    else if (keyword === 'enum') out.values = value;
    else if (keyword === 'maxLength') out.maxLength = value;
    else if (keyword === 'minItems') out.minItems = value;
    else if (keyword === 'format') out.format = value;
    else if (keyword === 'multipleOf' && value === 0.1) out.decimals = 1;
    else if (keyword === 'additionalProperties' && value === false) continue;
    else throw new Error(`no place for ${keyword}: ${JSON.stringify(value)}`);
  }
  if (type === 'object' && rest.additionalProperties !== false) throw new Error('an object that is open');
  return out;
}

const lines = schemas
  .map((schema) => [schema.$id.replace('urn:', ''), compact(schema, schema.definitions ?? {})])
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, schema]) => {
    const text = JSON.stringify(schema);
    if (text.includes("'") || text.includes('\\')) throw new Error(`${name} cannot be quoted`);
    const member = `  '${name}': '${text}',`;
    return member.length <= 110 ? member : `  '${name}':\n    '${text}',`;
  });
const text = `/** Made by scripts/make-ocpp-schemas.mjs from the schemas that ocpp-rpc carries; not to be edited. */

/** By action and direction: a schema in the compact form, as JSON, because a process needs few of them. */
export const SCHEMA_TEXTS: Readonly<Record<string, string>> = {
${lines.join('\n')}
};
`;
if (process.argv.includes('--print')) process.stdout.write(text);
else writeFileSync('src/dialect/ocpp/schema-texts.ts', text);
