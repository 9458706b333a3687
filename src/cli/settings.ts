import { readFileSync } from 'node:fs';
import { BridgeError, describeFault } from '../base/errors.ts';
import { quoteText } from '../base/printable.ts';
import { textOfFile } from '../base/text-file.ts';
import type { CommandName } from './commands.ts';
import { didYouMean } from './nearest.ts';
import { environmentName, fallbackOf, OPTIONS, type OptionName, optionsOf, SECRETS } from './options.ts';
import { NO } from './parse.ts';

/** One option's values and where they came from, for error texts. */
export interface Setting {
  readonly values: readonly string[];
  readonly source: string;
  /** It stands on the command line. */
  readonly isTyped?: true;
}

/** What the user asked for, whoever said it: the command line before the environment before the configuration file. */
export class Settings {
  readonly command: CommandName;
  readonly #settings: ReadonlyMap<string, Setting>;
  readonly #fallbacks: ReadonlyMap<string, string>;
  readonly #warnings: string[];

  constructor(
    command: CommandName,
    settings: ReadonlyMap<string, Setting>,
    warnings: readonly string[] = [],
  ) {
    this.command = command;
    this.#settings = settings;
    this.#warnings = [...warnings];
    this.#fallbacks = new Map(
      optionsOf(command).flatMap((option) => {
        const fallback = fallbackOf(option, command);
        return fallback === undefined ? [] : [[option.name, fallback] as const];
      }),
    );
  }

  /** Whether somebody has said anything of it. */
  isGiven(name: OptionName): boolean {
    return this.#settings.has(name);
  }

  /** What was asked for and has no effect, one sentence each. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** An option that has no effect: refused where somebody has just typed it, else no more than a warning. */
  refuseIdle(name: OptionName, why: string): void {
    const setting = this.#settings.get(name);
    if (setting === undefined) return;
    if (setting.isTyped) throw this.fault(name, why);
    this.#warnings.push(`${setting.source} has no effect: ${why}`);
  }

  /** A flag: set, turned off, or not mentioned. */
  flag(name: OptionName): boolean | undefined {
    const setting = this.#settings.get(name);
    return setting === undefined ? undefined : setting.values[0] !== NO;
  }

  /** All values of a repeatable option. */
  list(name: OptionName): readonly string[] {
    return this.#settings.get(name)?.values ?? [];
  }

  /** The value, or the default. */
  text(name: OptionName): string | undefined {
    return this.#settings.get(name)?.values[0] ?? this.#fallbacks.get(name);
  }

  /** Reads the value with `read`, which answers undefined for what it cannot use; `form` says what it wants. */
  read<T>(name: OptionName, form: string, read: (text: string) => T | undefined): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = read(text);
    if (value === undefined) throw this.refused(name, text, form);
    return value;
  }

  /** An error about a value that cannot be used; `form` says what is wanted. */
  refused(name: OptionName, text: string, form: string): BridgeError {
    return this.fault(name, `${quoteText(text, MAX_SHOWN)} is not ${form}`);
  }

  /** An error about one option that names where its value came from. */
  fault(name: OptionName, text: string, cause?: unknown): BridgeError {
    const source = this.#settings.get(name)?.source ?? `--${name}`;
    return new BridgeError('USAGE', `${source}: ${text}`, { cause });
  }
}

const MAX_SHOWN = 200;
/** What only the command line can say. */
const SPOKEN_ONLY: ReadonlySet<string> = new Set(['config', 'help', 'version']);

export function gatherSettings(
  command: CommandName,
  given: ReadonlyMap<string, readonly string[]>,
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  const settings = new Map<string, Setting>();
  const named = spoken('config', false, given, env);
  const file = named === undefined ? undefined : readConfig(named, command);
  for (const { name, value, repeats } of optionsOf(command)) {
    if (SPOKEN_ONLY.has(name)) continue;
    if (value === undefined) {
      const flag = spokenFlag(name, given, env) ?? file?.get(name);
      if (flag !== undefined) settings.set(name, flag);
      continue;
    }
    const setting = spoken(name, repeats === true, given, env) ?? file?.get(name);
    if (setting !== undefined) settings.set(name, checked(setting, repeats === true));
  }
  return new Settings(command, settings, unknownVariables(env));
}

/** Variables that look like options of ours and are none, of any command. */
function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const names = Object.keys(env).filter((name) => name.startsWith(PREFIX) && !OTHER_VARIABLES.test(name));
  if (names.length === 0) return [];
  const known = new Set([...OPTIONS.map(({ name }) => environmentName(name)), ...Object.values(SECRETS)]);
  const bare = [...known].map((name) => name.slice(PREFIX.length));
  const meant = (name: string) => didYouMean(name.slice(PREFIX.length), bare, PREFIX);
  return names
    .filter((name) => !known.has(name))
    .map((name) => `there is no option for the variable ${name}${meant(name)}`);
}

const PREFIX = 'POSBRIDGE_';
/** Variables of the project's own tests. */
const OTHER_VARIABLES = /^POSBRIDGE_(?:FAULT|TEST_)/;

/** What the command line says of an option, else the environment; an empty variable says nothing. */
function spoken(
  name: string,
  repeats: boolean,
  given: ReadonlyMap<string, readonly string[]>,
  env: Readonly<Record<string, string | undefined>>,
): Setting | undefined {
  const typed = given.get(name);
  if (typed !== undefined) return checked({ values: typed, source: `--${name}`, isTyped: true }, repeats);
  const variable = environmentName(name);
  const text = env[variable];
  if (text === undefined || text === '') return undefined;
  return { values: repeats ? text.split(',').map((part) => part.trim()) : [text], source: variable };
}

/** What the command line says of a flag, else the environment: 1, true, yes, on, or 0, false, no, off. */
function spokenFlag(
  name: string,
  given: ReadonlyMap<string, readonly string[]>,
  env: Readonly<Record<string, string | undefined>>,
): Setting | undefined {
  const typed = given.get(name);
  if (typed !== undefined) return { values: typed, source: `--${name}`, isTyped: true };
  const variable = environmentName(name);
  const text = env[variable];
  if (text === undefined || text === '') return undefined;
  if (/^(1|true|yes|on)$/i.test(text)) return { values: [], source: variable };
  if (/^(0|false|no|off)$/i.test(text)) return { values: [NO], source: variable };
  throw new BridgeError('USAGE', `${variable}: ${quoteText(text, MAX_SHOWN)} is not 1 or 0`);
}

function checked(setting: Setting, repeats: boolean): Setting {
  if (setting.values.length <= 1 || repeats) return setting;
  throw new BridgeError('USAGE', `${setting.source} is given more than once; give it one value`);
}

function readConfig(named: Setting, command: CommandName): Map<string, Setting> {
  const path = named.values[0] ?? '';
  const fail = (why: string, cause?: unknown) =>
    new BridgeError('USAGE', `${named.source} ${path === '' ? '""' : path}: ${why}`, { cause });
  let text: string;
  try {
    text = textOfFile(readFileSync(path));
  } catch (cause) {
    throw fail(`cannot be read: ${describeFault(cause)}`, cause);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw fail('is not JSON; wanted is an object such as {"app": "unix:/run/pay.sock"}', cause);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw fail('is no JSON object; wanted is {"OPTION": VALUE, …}');
  }
  const known = new Map(optionsOf(command).map((option) => [option.name, option]));
  const settings = new Map<string, Setting>();
  for (const [name, value] of Object.entries(parsed)) {
    const option = known.get(name);
    if (option === undefined || SPOKEN_ONLY.has(name)) {
      const meant = didYouMean(name, [...known.keys()]);
      throw fail(
        `there is no option "${name}" for this command${meant}; options are written as in --help, without --`,
      );
    }
    if (option.value === undefined) {
      if (typeof value !== 'boolean') throw fail(`"${name}" wants true or false`);
      settings.set(name, { values: value ? [] : [NO], source: `${path}: "${name}"` });
      continue;
    }
    const values: unknown[] = Array.isArray(value) ? value : [value];
    if (!values.every((each) => typeof each === 'string' || typeof each === 'number')) {
      throw fail(`"${name}" wants a text, a number, or a list of them`);
    }
    settings.set(name, { values: values.map(String), source: `${path}: "${name}"` });
  }
  return settings;
}
