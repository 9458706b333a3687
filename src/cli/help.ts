import yargs from 'yargs';
import { COMMANDS, type CommandName, environmentName, fallbackOf, operandsOf, optionsOf } from './options.ts';

/** The help of a command, complete. */
export function helpText(command: CommandName): Promise<string> {
  const { usage, help } = COMMANDS[command];
  const operands = operandsOf(command).map((operand) => `\n  ${operand.name.padEnd(8)} ${operand.help}`);
  const about = `${usage}\n\n${help.charAt(0).toUpperCase()}${help.slice(1)}.${operands.length > 0 ? '\n' : ''}${operands.join('')}`;
  const parser = yargs([]).scriptName('posbridge').locale('en').help(false).version(false).wrap(WIDTH);
  for (const option of optionsOf(command)) {
    const { name, value, help, repeats } = option;
    const fallback = fallbackOf(option, command);
    const notes = [fallback === undefined ? '' : `default ${fallback}`, repeats ? 'repeatable' : ''];
    const note = notes.filter((text) => text !== '').join(', ');
    const wanted = value === undefined ? '' : `${value}: `;
    parser.option(name, { describe: `${wanted}${help}${note === '' ? '' : ` [${note}]`}` });
  }
  return parser.usage(about).epilogue(epilogue(command)).getHelp();
}

const WIDTH = 110;

const EXIT_STATUS = [
  'Exit status: 0 closed normally (pos: approved), 1 declined or cancelled (pos) or script not kept (fsc-server), 75 outcome not known yet (pos),',
  '76 the peer broke its protocol, 100 wrong usage, 111 temporary failure.',
];

function epilogue(command: CommandName): string {
  const others = Object.entries(COMMANDS)
    .filter(([name]) => name !== 'bridge')
    .map(([name, other]) => `  posbridge ${name.padEnd(8)} ${other.help}`);
  return [
    ...(command === 'bridge' ? ['Commands (each has its own --help):', ...others, ''] : []),
    'Endpoints: fd:N, fd:R,W, fifo:PATH, unix:PATH, unix:@NAME, tcp:HOST:PORT, serial:PATH?baudRate=115200, ws://HOST:PORT/PATH, simulator:, null:',
    `Every option may also come from the environment (${environmentName('log-level')}) or from --config; the command line wins.`,
    ...EXIT_STATUS,
  ].join('\n');
}
