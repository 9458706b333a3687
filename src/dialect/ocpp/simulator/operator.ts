import type { Clock } from '../../../base/clock.ts';
import type { Wire } from '../../../wire/wire.ts';
import { SimulatorLine, type SimulatorMessage } from '../../simulator-line.ts';

/** Tags that the simulated operator does not let charge, and what it says of them. */
const REFUSED: Readonly<Record<string, string>> = {
  BLOCKED: 'Blocked',
  EXPIRED: 'Expired',
  UNKNOWN: 'Invalid',
};

/**
 * A simulated operator: the application behind the channels of a central system, on any number of wires. Every tag may
 * charge but three, whose names say why; it takes all meter values and events, and knows no vendor's data.
 */
export class Operator {
  readonly #clock: Clock;
  readonly #lines = new Set<SimulatorLine>();

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock;
  }

  attach(wire: Wire): void {
    const line: SimulatorLine = new SimulatorLine(wire, this.#clock, {
      message: (message) => {
        if (message.kind === 'request') this.#answer(message, line);
      },
      closed: () => void this.#lines.delete(line),
    });
    this.#lines.add(line);
  }

  async close(): Promise<void> {
    for (const line of this.#lines) line.destroy();
  }

  #answer(request: SimulatorMessage & { kind: 'request' }, line: SimulatorLine): void {
    const { method, params } = request;
    switch (method) {
      case 'ocpp.Authorize':
      case 'ocpp.StartTransaction':
        line.answer(request, { result: { idTagInfo: { status: verdictOn(params['idTag']) } } });
        return;
      case 'ocpp.StopTransaction':
      case 'ocpp.MeterValues':
      case 'ocpp.SecurityEventNotification':
        line.answer(request, { result: {} });
        return;
      case 'ocpp.SignCertificate':
        line.answer(request, { result: { status: 'Rejected' } });
        return;
      case 'ocpp.DataTransfer':
        line.answer(request, { result: { status: 'UnknownVendorId' } });
        return;
      default: {
        const data = {
          string_code: 'JSONRPC_METHOD_NOT_FOUND',
          details: 'the simulated operator does not know it',
        };
        line.answer(request, { error: { code: -32601, message: 'The method does not exist here.', data } });
      }
    }
  }
}

function verdictOn(idTag: unknown): string {
  return (typeof idTag === 'string' ? REFUSED[idTag.toUpperCase()] : undefined) ?? 'Accepted';
}
