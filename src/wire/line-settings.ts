import type { Parity, SerialOptions } from '../endpoint/endpoint.ts';

/** How a terminal line is set: speed always, the rest where it was said; unsaid is 8N1 without flow control. */
export type LineSettings = SerialOptions & { readonly baudRate: number };

/** The form of line settings, for error texts. */
export const LINE_SETTINGS_FORM =
  'SPEED[,FORMAT][,FLOW] such as 115200, 9600,7E1 or 9600,8N1,rtscts; FORMAT is data bits 5 to 8, parity N, E, O, M or S, stop bits 1 or 2; FLOW is rtscts or xonxoff';

/** Reads `SPEED[,FORMAT][,FLOW]`; undefined for anything else. */
export function parseLineSettings(text: string): LineSettings | undefined {
  const [, speed = '', dataBits, parity = 'N', stopBits, flow] =
    /^([1-9]\d{0,7})(?:,([5-8])([NEOMS])([12]))?(?:,(rtscts|xonxoff))?$/i.exec(text) ?? [];
  if (speed === '') return undefined;
  return {
    baudRate: Number(speed),
    dataBits: ([5, 6, 7] as const).find((bits) => `${bits}` === dataBits) ?? 8,
    parity: PARITIES[parity.toUpperCase()] ?? 'none',
    stopBits: stopBits === '2' ? 2 : 1,
    rtscts: flow?.toLowerCase() === 'rtscts',
    xon: flow?.toLowerCase() === 'xonxoff',
    xoff: flow?.toLowerCase() === 'xonxoff',
  };
}

const PARITIES: Readonly<Record<string, Parity>> = {
  N: 'none',
  E: 'even',
  O: 'odd',
  M: 'mark',
  S: 'space',
};

/** For people: `7E1`. */
export function describeFormat({ dataBits = 8, parity = 'none', stopBits = 1 }: SerialOptions): string {
  return `${dataBits}${parity.charAt(0).toUpperCase()}${stopBits}`;
}

/**
 * The arguments that make `stty` set a line so, but for the speed. `stty` fails if the line does not take one of them.
 */
export function sttyArguments(options: SerialOptions): string[] {
  const { dataBits = 8, parity = 'none', stopBits = 1 } = options;
  const { rtscts = false, xon = false, xoff = false, xany = false, hupcl } = options;
  const set = (name: string, isOn: boolean) => (isOn ? name : `-${name}`);
  return [
    'cread',
    'clocal',
    `cs${dataBits}`,
    set('parenb', parity !== 'none'),
    set('parodd', parity === 'odd' || parity === 'mark'),
    set('cmspar', parity === 'mark' || parity === 'space'),
    set('cstopb', stopBits !== 1),
    set('crtscts', rtscts),
    set('ixon', xon),
    set('ixoff', xoff),
    set('ixany', xany),
    ...(hupcl === undefined ? [] : [set('hupcl', hupcl)]),
  ];
}

/** What a line carries, bytes per second: a byte is a start bit, its data bits, perhaps parity, and its stop bits. */
export function bytesPerSecond({
  baudRate,
  dataBits = 8,
  parity = 'none',
  stopBits = 1,
}: LineSettings): number {
  return Math.max(1, Math.floor(baudRate / (1 + dataBits + (parity === 'none' ? 0 : 1) + stopBits)));
}
