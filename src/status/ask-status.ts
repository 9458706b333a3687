import { request } from 'node:http';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import type { ProcessStatus } from './process-status.ts';

/** A process that does not answer in this time is told of as one that does not. */
const LIMIT_MS = 5000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Where somebody's `--status` can be asked. */
export type StatusPlace = Extract<Endpoint, { kind: 'unix' | 'tcp' }>;

/** Asks a running process for its status. Rejects with WIRE_OPEN_FAILED. */
export async function askStatus(place: StatusPlace): Promise<ProcessStatus> {
  const { status, body } = await ask(place, 'GET', '/status');
  if (status !== 200) throw fault(place, `it answers with ${status}: ${body.trim().slice(0, 200)}`);
  try {
    return JSON.parse(body) as ProcessStatus;
  } catch (cause) {
    throw fault(place, 'it answers something else than a status', cause);
  }
}

/** Switches the trace of one connection. Rejects with WIRE_OPEN_FAILED; false: it has no such connection. */
export async function askForTrace(place: StatusPlace, connection: string, isOn: boolean): Promise<boolean> {
  const path = `/connections/${encodeURIComponent(connection)}/trace?on=${isOn ? 1 : 0}`;
  const { status, body } = await ask(place, 'POST', path);
  if (status === 404) return false;
  if (status !== 200) throw fault(place, body.trim().slice(0, 200));
  return true;
}

function ask(place: StatusPlace, method: string, path: string): Promise<{ status: number; body: string }> {
  const where =
    place.kind === 'unix'
      ? { socketPath: place.abstract ? `\0${place.path}` : place.path, host: 'localhost' }
      : { host: place.host, port: place.port };
  return new Promise((resolve, reject) => {
    const asking = request({ ...where, method, path, timeout: LIMIT_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
        if (body.length > MAX_ANSWER_BYTES) response.destroy(new Error('its answer is too long'));
      });
      response.on('error', (cause) => reject(fault(place, describeFault(cause), cause)));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asking.on('timeout', () => asking.destroy(new Error('it does not answer')));
    asking.on('error', (cause) => reject(fault(place, describeFault(cause), cause)));
    asking.end();
  });
}

function fault({ text }: StatusPlace, why: string, cause?: unknown): BridgeError {
  return new BridgeError('WIRE_OPEN_FAILED', `cannot ask ${text}: ${why}`, { cause });
}
