import type { Parity, SerialDevice, SerialOptions } from './endpoint.ts';

/** Makes the error: what is wrong, and an example of the right form if the general one does not show it. */
export type Complain = (why: string, example?: string) => Error;

/**
 * Reads what follows `serial:`. Shape: `/dev/PATH`, `usb=VID:PID` or `serial=NUMBER`, then perhaps `?NAME=VALUE&…`.
 * Throws what `complain` makes.
 */
export function readSerialLine(
  rest: string,
  complain: Complain,
): { device: SerialDevice; options: SerialOptions } {
  const at = rest.indexOf('?');
  const place = at === -1 ? rest : rest.slice(0, at);
  const options = at === -1 ? {} : readOptions(rest.slice(at + 1), complain);
  return { device: readDevice(place, complain), options };
}

function readDevice(place: string, complain: Complain): SerialDevice {
  if (place.startsWith('/') && !place.endsWith('/')) return { kind: 'path', path: place };
  const [, name, value = ''] = /^(usb|serial)=(.*)$/s.exec(place) ?? [];
  if (name === 'usb') {
    const [, vendorId, productId] = /^([\da-f]{4}):([\da-f]{4})$/i.exec(value) ?? [];
    if (vendorId === undefined || productId === undefined) {
      throw complain(
        'after usb= come vendor and product, four hexadecimal digits each',
        'serial:usb=0403:6001',
      );
    }
    return { kind: 'usb', vendorId: vendorId.toLowerCase(), productId: productId.toLowerCase() };
  }
  if (name === 'serial') {
    if (value.trim() === '') throw complain('the serial number is missing', 'serial:serial=A50285BI');
    return { kind: 'serialNumber', serialNumber: value };
  }
  throw complain('an absolute path, usb=VID:PID or serial=NUMBER must follow');
}

const isFlag = (value: string) => (value === 'true' || value === 'false' ? value === 'true' : undefined);
const flag = { form: 'true or false', read: isFlag };

/** The options, as `serialport` calls them. */
const OPTIONS = {
  baudRate: {
    form: 'a number of bits a second such as 9600',
    read: (value) => (/^[1-9]\d{0,7}$/.test(value) ? Number(value) : undefined),
  },
  dataBits: { form: '5, 6, 7 or 8', read: (value) => ([5, 6, 7, 8] as const).find((n) => `${n}` === value) },
  parity: {
    form: 'none, even, odd, mark or space',
    read: (value) =>
      (['none', 'even', 'odd', 'mark', 'space'] satisfies Parity[]).find((name) => name === value),
  },
  stopBits: { form: '1, 1.5 or 2', read: (value) => ([1, 1.5, 2] as const).find((n) => `${n}` === value) },
  rtscts: flag,
  xon: flag,
  xoff: flag,
  xany: flag,
  hupcl: flag,
} satisfies {
  [Name in keyof Required<SerialOptions>]: {
    readonly form: string;
    readonly read: (value: string) => SerialOptions[Name] | undefined;
  };
};

function readOptions(text: string, complain: Complain): SerialOptions {
  const options: Record<string, unknown> = {};
  for (const part of text.split('&')) {
    const at = part.indexOf('=');
    const name = at === -1 ? part : part.slice(0, at);
    if (!isOption(name)) {
      throw complain(
        name === ''
          ? 'an option is missing; options are written NAME=VALUE with & between them'
          : `there is no option ${shortened(name)}, only ${Object.keys(OPTIONS).join(', ')}`,
      );
    }
    const { form, read } = OPTIONS[name];
    if (Object.hasOwn(options, name)) throw complain(`${name} is given twice`);
    const value = at === -1 ? undefined : read(part.slice(at + 1));
    if (value === undefined) throw complain(`${name} is ${form}`);
    options[name] = value;
  }
  if (options['stopBits'] === 1.5 && options['dataBits'] !== 5) {
    throw complain('stopBits=1.5 goes with dataBits=5 only', 'serial:/dev/ttyS0?dataBits=5&stopBits=1.5');
  }
  return options;
}

function isOption(name: string): name is keyof typeof OPTIONS {
  return Object.hasOwn(OPTIONS, name);
}

/** The whole endpoint is quoted, and masked, before the complaint; a name in it is only there to be found. */
function shortened(name: string): string {
  return /^[\w-]{1,20}$/.test(name) && !/\d{5}/.test(name) ? name : 'of that name';
}
