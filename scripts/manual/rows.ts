import { COMMANDS, type CommandName } from '../../src/cli/commands.ts';
import { fallbackOf, helpOf, optionsOf } from '../../src/cli/options.ts';

/** Every command, the one without a name first. */
export const NAMES = Object.keys(COMMANDS) as CommandName[];

/** One option of a command, as its manual and its documentation show it. */
export interface Row {
  readonly name: string;
  /** `--NAME`, and `--no-NAME` where that exists. */
  readonly forms: readonly string[];
  readonly value: string | undefined;
  readonly fallback: string | undefined;
  readonly repeats: boolean;
  readonly help: string;
}

export function rowsOf(command: CommandName): Row[] {
  return optionsOf(command).map((option) => ({
    name: option.name,
    forms: [`--${option.name}`, ...(option.negatable === true ? [`--no-${option.name}`] : [])],
    value: option.value,
    fallback: fallbackOf(option, command),
    repeats: option.repeats === true,
    help: helpOf(option, command),
  }));
}

/** What a person types to get the command. */
export function typed(command: CommandName): string {
  return command === 'bridge' ? 'posbridge' : `posbridge ${command}`;
}
