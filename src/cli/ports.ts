import { escapeActive } from '../base/printable.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { listSerialPorts, type SerialPortInfo } from '../wire/serial-ports.ts';
import { columns } from './columns.ts';
import { EXIT } from './exit-codes.ts';
import type { Settings } from './settings.ts';
import { writeLines } from './stdout.ts';

/** `posbridge ports`: the serial ports of this machine, on standard output. */
export async function runPorts(settings: Settings): Promise<number> {
  const ports = await listSerialPorts();
  const named = ports.map((port) => ({ ...port, endpoint: endpointOf(port, ports) }));
  const isJson = settings.isGiven('json');
  if (named.length === 0) process.stderr.write('posbridge: there is no serial port\n');
  else await writeLines(isJson ? named.map((port) => escapeActive(JSON.stringify(port))) : tableOf(named));
  return EXIT.ok;
}

type NamedPort = SerialPortInfo & { readonly endpoint: string };

/** What finds a port again wherever it is plugged in, as long as nothing else here goes by that name; else its path. */
function endpointOf(
  { path, vendorId, productId, serialNumber }: SerialPortInfo,
  all: readonly SerialPortInfo[],
) {
  const isAlone = (isSame: (other: SerialPortInfo) => boolean) => all.filter(isSame).length === 1;
  const byNumber = `serial:serial=${serialNumber}`;
  const number = serialNumber?.toLowerCase();
  if (
    number !== undefined &&
    isEndpoint(byNumber) &&
    isAlone((other) => other.serialNumber?.toLowerCase() === number)
  ) {
    return byNumber;
  }
  const byKind = `serial:usb=${vendorId}:${productId}`;
  const isKind = (other: SerialPortInfo) => other.vendorId === vendorId && other.productId === productId;
  return isEndpoint(byKind) && isAlone(isKind) ? byKind : `serial:${path}`;
}

/** A device may say of itself what no endpoint can hold. */
function isEndpoint(text: string): boolean {
  try {
    const endpoint = parseEndpoint(text, 'wire');
    return endpoint.kind === 'serial' && Object.keys(endpoint.options).length === 0 && !/[?{]/.test(text);
  } catch {
    return false;
  }
}

const HEAD = ['PATH', 'USB', 'SERIAL NUMBER', 'MAKER', 'ENDPOINT'];

function tableOf(ports: readonly NamedPort[]): string[] {
  const rows = ports.map(({ path, vendorId, productId, serialNumber, manufacturer, endpoint }) =>
    [
      path,
      vendorId === undefined ? '' : `${vendorId}:${productId}`,
      serialNumber ?? '',
      manufacturer ?? '',
      endpoint,
    ].map(escapeActive),
  );
  return columns([HEAD, ...rows]);
}
