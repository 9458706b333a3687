import { PROBLEMS, type ProblemCode } from '../problem.ts';
import {
  COMMON_PROBLEMS,
  OPERATION_LIST,
  type Operation,
  parametersOf,
  TOKEN_PROBLEMS,
} from './operations.ts';
import { ref, SCHEMAS, type Schema } from './schemas.ts';

const TAGS = {
  Sales: 'What is charged and paid back.',
  Events: 'Changes, as they happen.',
  Terminals: 'Where it is charged.',
  Service: 'How the service is.',
} as const satisfies Record<Operation['tag'], string>;

/** The OpenAPI document. */
export function openApiDocument(version: string): Schema {
  const paths: Record<string, Record<string, Schema>> = {};
  for (const [name, operation] of OPERATION_LIST) {
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method.toLowerCase()]: operationObject(name, operation),
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'posbridge api',
      version,
      summary: 'Payment terminals of any protocol, for tills of any language.',
      description:
        'Each key is one sale, and each sale one charge, whatever is restarted, cut off or sent twice.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'Where this document came from.' }],
    security: [{ token: [] }, {}],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description:
            'A token of posbridge api token add. A service without tokens serves this machine alone, and wants none.',
        },
      },
    },
  };
}

function operationObject(name: string, operation: Operation): Schema {
  const { tag, summary, description, scopes, body } = operation;
  const permission = scopes === undefined ? '' : `Scope: ${scopes.join(' or ')}.`;
  const words = [description, permission].filter((text) => text !== undefined && text !== '').join('\n\n');
  const parameters = parametersObject(operation);
  return {
    operationId: name,
    tags: [tag],
    summary,
    ...(words !== '' && { description: words }),
    ...(scopes === undefined && { security: [{}] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: ref(body) } } },
    }),
    responses: { ...answersObject(operation), ...problemsObject(operation) },
  };
}

function parametersObject(operation: Operation): Schema[] {
  const inPath = parametersOf(operation).map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const { query = {}, headers = {} } = operation;
  const others = [
    ...Object.entries(query).map(([name, schema]) => parameter(name, 'query', schema)),
    ...Object.entries(headers).map(([name, schema]) => parameter(name, 'header', schema)),
  ];
  return [...inPath, ...others];
}

function parameter(name: string, place: string, { description, required, ...schema }: Schema): Schema {
  return {
    name,
    in: place,
    ...(required === true && { required }),
    ...(description !== undefined && { description }),
    schema,
  };
}

function answersObject({ answers }: Operation): Schema {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, content, headers }]) => [
      status,
      {
        description,
        ...(headers !== undefined && { headers: headersObject(headers) }),
        ...(content !== undefined && { content: contentObject(content) }),
      },
    ]),
  );
}

function contentObject(content: Readonly<Record<string, Schema>>): Schema {
  return Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }]));
}

function headersObject(headers: Readonly<Record<string, string>>): Schema {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  );
}

/** Problems of the same status are one answer. */
function problemsObject({ problems, scopes }: Operation): Schema {
  const codes = new Map<number, ProblemCode[]>();
  for (const code of [...problems, ...(scopes === undefined ? [] : TOKEN_PROBLEMS), ...COMMON_PROBLEMS]) {
    const [status] = PROBLEMS[code];
    codes.set(status, [...(codes.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...codes].map(([status, all]) => [
      status,
      {
        description: all.map((code) => `${code}: ${PROBLEMS[code][1]}.`).join(' '),
        content: { 'application/problem+json': { schema: ref('Problem') } },
      },
    ]),
  );
}
