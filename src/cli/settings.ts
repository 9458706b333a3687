import { readFileSync } from 'node:fs';
import { BridgeError, describeFault } from '../base/errors.ts';
import { type CommandName, environmentName, type OptionName, optionsOf } from './options.ts';

/** One option's values and where they came from, for error texts. */
export interface Setting {
  readonly values: readonly string[];
  readonly source: string;
}

/** What the user asked for, whoever said it: the command line before the environment before the configuration file. */
export class Settings {
  readonly command: CommandName;
  readonly #settings: ReadonlyMap<string, Setting>;
  readonly #fallbacks: ReadonlyMap<string, string>;

  constructor(command: CommandName, settings: ReadonlyMap<string, Setting>) {
    this.command = command;
    this.#settings = settings;
    this.#fallbacks = new Map(
      optionsOf(command).flatMap(({ name, fallback }) => (fallback === undefined ? [] : [[name, fallback]])),
    );
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
    if (value === undefined) throw this.fault(name, `"${text}" is not ${form}`);
    return value;
  }

  /** An error about one option that names where its value came from. */
  fault(name: OptionName, text: string, cause?: unknown): BridgeError {
    const source = this.#settings.get(name)?.source ?? `--${name}`;
    return new BridgeError('USAGE', `${source}: ${text}`, { cause });
  }
}

export function gatherSettings(
  command: CommandName,
  given: ReadonlyMap<string, readonly string[]>,
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  const settings = new Map<string, Setting>();
  const config = given.get('config')?.[0] ?? env[environmentName('config')];
  const file = config === undefined ? undefined : readConfig(config, command);
  for (const { name, value, repeats } of optionsOf(command)) {
    if (value === undefined || name === 'config') continue;
    const inEnvironment = env[environmentName(name)];
    const typed = given.get(name);
    let setting = file?.get(name);
    if (inEnvironment !== undefined && inEnvironment !== '') {
      const values = repeats ? inEnvironment.split(',').map((part) => part.trim()) : [inEnvironment];
      setting = { values, source: environmentName(name) };
    }
    if (typed !== undefined) setting = { values: typed, source: `--${name}` };
    if (setting === undefined) continue;
    if (setting.values.length > 1 && !repeats) {
      throw new BridgeError('USAGE', `${setting.source} is given more than once; give it one value`);
    }
    settings.set(name, setting);
  }
  return new Settings(command, settings);
}

function readConfig(path: string, command: CommandName): Map<string, Setting> {
  const fail = (why: string, cause?: unknown) =>
    new BridgeError('USAGE', `--config ${path}: ${why}`, { cause });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
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
  const known = new Set(optionsOf(command).flatMap(({ name, value }) => (value === undefined ? [] : [name])));
  const settings = new Map<string, Setting>();
  for (const [name, value] of Object.entries(parsed)) {
    if (!known.has(name) || name === 'config') {
      throw fail(
        `there is no option "${name}" for this command; options are written as in --help, without --`,
      );
    }
    const values: unknown[] = Array.isArray(value) ? value : [value];
    if (!values.every((each) => typeof each === 'string' || typeof each === 'number')) {
      throw fail(`"${name}" wants a text, a number, or a list of them`);
    }
    settings.set(name, { values: values.map(String), source: `${path}: "${name}"` });
  }
  return settings;
}
