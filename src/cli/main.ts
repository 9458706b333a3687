import { describeFault } from '../base/errors.ts';
import { maskText } from '../base/mask.ts';
import { EXIT, exitCodeOfFault } from './exit-codes.ts';
import type { CommandName } from './options.ts';
import { helpText, parseCommandLine } from './parse.ts';
import { gatherSettings, type Settings } from './settings.ts';
import { version } from './version.ts';

const commands: Readonly<Record<CommandName, () => Promise<(settings: Settings) => Promise<number>>>> = {
  bridge: async () => (await import('./bridge.ts')).runBridge,
  serve: async () => (await import('./serve.ts')).runServe,
  demo: async () => (await import('./demo.ts')).runDemo,
};

/** The whole program: runs one command and leaves with its exit status. */
export async function main(): Promise<void> {
  process.exit(await run(process.argv.slice(2)));
}

async function run(args: readonly string[]): Promise<number> {
  try {
    if (args.length === 0 && process.stdin.isTTY) {
      process.stderr.write(`${await helpText('bridge')}\n`);
      return EXIT.usage;
    }
    const { command, given } = parseCommandLine(args);
    if (given.has('help')) return await print(await helpText(command));
    if (given.has('version')) return await print(version);
    const runCommand = await commands[command]();
    return await runCommand(gatherSettings(command, given, process.env));
  } catch (fault) {
    process.stderr.write(`posbridge: ${maskText(describeFault(fault)).replaceAll('\n', ' ')}\n`);
    return exitCodeOfFault(fault);
  }
}

function print(text: string): Promise<number> {
  return new Promise((resolve) => process.stdout.write(`${text}\n`, () => resolve(EXIT.ok)));
}
