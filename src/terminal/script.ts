import { quoteText } from '../base/printable.ts';
import { errorText } from '../rpc/error-object.ts';
import { scanObject } from '../rpc/scan.ts';
import type { Answer } from './answer.ts';

/**
 * A scenario: requests that are expected, in their order, and what happens after each.
 *
 *     {"as_usual": ["TerminalInfo"],
 *      "steps": [{"expect": {"method": "Purchase", "params": {"amount": 1250}},
 *                 "actions": [{"after_ms": 200, "notify": {"method": "PosMessage", "params": {"message": "Hello"}}},
 *                          {"error": {"string_code": "DECLINED", "details": "no money"}}]}]}
 *
 * Limits: see `LIMITS`. Documented in docs/terminal.md.
 */
export interface Script {
  readonly steps: readonly Step[];
  /** Methods that the terminal answers itself, at any time. */
  readonly asUsual: ReadonlySet<string>;
}

export interface Step {
  readonly method: string;
  /** Members that the params must have, at any depth; undefined: whatever they are. */
  readonly params: JsonObject | undefined;
  readonly actions: readonly Action[];
}

export interface Action {
  /** After the action before, or the request. */
  readonly afterMs: number;
  readonly deed: Deed;
}

export type Deed =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'notify'; readonly method: string; readonly params: JsonObject }
  | { readonly kind: 'close' }
  | { readonly kind: 'die' };

export type JsonObject = Readonly<Record<string, unknown>>;

export const LIMITS = {
  fileBytes: 1_048_576,
  steps: 1000,
  actions: 100,
  afterMs: 3_600_000,
  names: 100,
} as const;

/** What is wrong with a script, and where: `steps[2].actions[0].after_ms`. */
export class ScriptFault extends Error {
  constructor(place: string, why: string) {
    super(place === '' ? why : `${place} ${why}`);
    this.name = new.target.name;
  }
}

/** Reads a script. Throws a ScriptFault. */
export function parseScript(bytes: Buffer): Script {
  if (bytes.length > LIMITS.fileBytes)
    throw new ScriptFault('', `it is larger than ${LIMITS.fileBytes} bytes`);
  const scan = scanObject(bytes, []);
  if (!scan.ok) throw new ScriptFault(placeOf(bytes, scan.offset), scan.why);
  if (scan.depth > MAX_DEPTH) throw new ScriptFault('', `it is nested deeper than ${MAX_DEPTH}`);
  const script = membersOf(JSON.parse(bytes.toString()), '', ['steps', 'as_usual']);
  const steps = listOf(script['steps'], 'steps', LIMITS.steps);
  const asUsual =
    script['as_usual'] === undefined ? [] : listOf(script['as_usual'], 'as_usual', LIMITS.names);
  return {
    steps: steps.map((step, index) => readStep(step, `steps[${index}]`)),
    asUsual: new Set(asUsual.map((name, index) => methodOf(name, `as_usual[${index}]`))),
  };
}

const MAX_DEPTH = 100;
const MAX_METHOD_CHARACTERS = 256;

function readStep(value: unknown, place: string): Step {
  const { expect, actions = [] } = membersOf(value, place, ['expect', 'actions']);
  const { method, params } = membersOf(expect, `${place}.expect`, ['method', 'params']);
  return {
    method: methodOf(method, `${place}.expect.method`),
    params: params === undefined ? undefined : objectOf(params, `${place}.expect.params`),
    actions: readActions(listOf(actions, `${place}.actions`, LIMITS.actions), `${place}.actions`),
  };
}

function readActions(values: readonly unknown[], place: string): Action[] {
  let answers = 0;
  return values.map((value, index) => {
    const at = `${place}[${index}]`;
    const action = readAction(value, at);
    if (action.deed.kind === 'answer') answers += 1;
    if (answers > 1) throw new ScriptFault(at, 'is a second answer to one request');
    return action;
  });
}

const DEEDS = ['result', 'error', 'notify', 'close', 'die'] as const;

function readAction(value: unknown, place: string): Action {
  const members = membersOf(value, place, ['after_ms', ...DEEDS]);
  const deeds = DEEDS.filter((name) => members[name] !== undefined);
  const [deed, second] = deeds;
  if (deed === undefined || second !== undefined) {
    throw new ScriptFault(place, `wants one of ${DEEDS.join(', ')}, and has ${deeds.length}`);
  }
  return { afterMs: delayOf(members['after_ms'], `${place}.after_ms`), deed: readDeed(deed, members, place) };
}

function readDeed(name: (typeof DEEDS)[number], members: JsonObject, place: string): Deed {
  const [value, at] = [members[name], `${place}.${name}`];
  switch (name) {
    case 'result':
      return {
        kind: 'answer',
        answer: { kind: 'result', text: Buffer.from(JSON.stringify(objectOf(value, at))) },
      };
    case 'error':
      return { kind: 'answer', answer: { kind: 'error', text: readError(value, at) } };
    case 'notify': {
      const { method, params = {} } = membersOf(value, at, ['method', 'params']);
      return {
        kind: 'notify',
        method: methodOf(method, `${at}.method`),
        params: objectOf(params, `${at}.params`),
      };
    }
    case 'close':
    case 'die':
      if (value !== true) throw new ScriptFault(at, 'is not true');
      return { kind: name };
  }
}

function readError(value: unknown, place: string): Buffer {
  const {
    string_code: code,
    details = '',
    display_message: display,
  } = membersOf(value, place, ['string_code', 'details', 'display_message']);
  if (typeof code !== 'string' || code === '') throw new ScriptFault(`${place}.string_code`, 'is no string');
  if (typeof details !== 'string') throw new ScriptFault(`${place}.details`, 'is no string');
  const error = JSON.parse(errorText(code, details, { message: details }).toString());
  if (display === undefined) return Buffer.from(JSON.stringify(error));
  if (typeof display !== 'string') throw new ScriptFault(`${place}.display_message`, 'is no string');
  return Buffer.from(JSON.stringify({ ...error, data: { ...error.data, display_message: display } }));
}

function membersOf(value: unknown, place: string, names: readonly string[]): JsonObject {
  const object = objectOf(value, place);
  for (const name of Object.keys(object)) {
    if (names.includes(name)) continue;
    const at = place === '' ? quoteText(name, 64) : `${place}.${quoteText(name, 64)}`;
    throw new ScriptFault(at, `is not known here, only ${names.join(', ')}`);
  }
  return object;
}

function objectOf(value: unknown, place: string): JsonObject {
  if (value === undefined) throw new ScriptFault(place, 'is missing');
  if (isObject(value)) return value;
  throw new ScriptFault(place, 'is no object');
}

function listOf(value: unknown, place: string, max: number): readonly unknown[] {
  if (value === undefined) throw new ScriptFault(place, 'is missing');
  if (!Array.isArray(value)) throw new ScriptFault(place, 'is no array');
  if (value.length > max) throw new ScriptFault(place, `has more than ${max} items`);
  return value;
}

function methodOf(value: unknown, place: string): string {
  if (value === undefined) throw new ScriptFault(place, 'is missing');
  if (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= MAX_METHOD_CHARACTERS &&
    !value.startsWith('_')
  ) {
    return value;
  }
  throw new ScriptFault(place, 'is no name of a method');
}

function delayOf(value: unknown, place: string): number {
  if (value === undefined) return 0;
  if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= LIMITS.afterMs) return Number(value);
  throw new ScriptFault(place, `is no whole number from 0 to ${LIMITS.afterMs}`);
}

/** Whether `value` has everything that `wanted` has: objects may have more members, arrays not more items. */
export function isPartOf(wanted: unknown, value: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(value) &&
      value.length === wanted.length &&
      wanted.every((item, index) => isPartOf(item, value[index]))
    );
  }
  if (!isObject(wanted)) return wanted === value;
  return (
    isObject(value) &&
    Object.entries(wanted).every(
      ([name, member]) => Object.hasOwn(value, name) && isPartOf(member, value[name]),
    )
  );
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function placeOf(bytes: Buffer, offset: number): string {
  const before = bytes.toString('utf8', 0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}:`;
}
