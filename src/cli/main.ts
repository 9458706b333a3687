import { describeFault } from '../base/errors.ts';
import { maskText } from '../base/mask.ts';
import { escapeActive } from '../base/printable.ts';
import { runBridge } from './bridge.ts';
import type { CommandName } from './commands.ts';
import { EXIT, exitCodeOfFault } from './exit-codes.ts';
import { optionsOf } from './options.ts';
import { parseCommandLine } from './parse.ts';
import { gatherSettings, type Settings } from './settings.ts';
import { writeOut } from './stdout.ts';
import { version } from './version.ts';

type RunCommand = (settings: Settings, operands: readonly string[]) => Promise<number>;

/** The others are loaded when they are wanted: the start of a bridge is the price of every connection. */
const commands: Readonly<Record<CommandName, () => Promise<RunCommand>>> = {
  bridge: async () => runBridge,
  serve: async () => (await import('./serve.ts')).runServe,
  demo: async () => (await import('./demo.ts')).runDemo,
  journal: async () => (await import('./journal.ts')).runJournal,
  pos: async () => (await import('./pos.ts')).runPos,
  terminal: async () => (await import('./terminal.ts')).runTerminal,
  api: async () => (await import('./api.ts')).runApi,
  gateway: async () => (await import('./gateway.ts')).runGateway,
  'fsc-server': async () => (await import('./fsc-server.ts')).runFscServer,
  charger: async () => (await import('./charger.ts')).runCharger,
  'charge-point': async () => (await import('./charge-point.ts')).runChargePoint,
  status: async () => (await import('./status.ts')).runStatus,
  trace: async () => (await import('./trace.ts')).runTrace,
  inspect: async () => (await import('./inspect.ts')).runInspect,
  ports: async () => (await import('./ports.ts')).runPorts,
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
    const { command, given, operands = [] } = parseCommandLine(args);
    if (given.has('help')) return await print(await helpText(command));
    if (given.has('version')) return await print(version);
    const runCommand = await commands[command]();
    const settings = gatherSettings(command, given, process.env);
    if (settings.warnings.length > 0 && !keepsLog(command)) {
      process.stderr.write(settings.warnings.map((warning) => `posbridge: ${warning}\n`).join(''));
    }
    return await runCommand(settings, operands);
  } catch (fault) {
    const text = maskText(describeFault(fault)).replaceAll('\n', ' ');
    process.stderr.write(`posbridge: ${escapeActive(text)}\n`);
    return exitCodeOfFault(fault);
  }
}

/** Whether it writes what has no effect to a log of its own. */
function keepsLog(command: CommandName): boolean {
  return optionsOf(command).some(({ name }) => name === 'log-level');
}

/** Loaded on demand: a bridge in service never needs it. */
async function helpText(command: CommandName): Promise<string> {
  return (await import('./help.ts')).helpText(command);
}

async function print(text: string): Promise<number> {
  await writeOut(`${text}\n`);
  return EXIT.ok;
}
