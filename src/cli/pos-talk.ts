import { isatty } from 'node:tty';
import { BridgeError } from '../base/errors.ts';
import { escapeActive, quoteText } from '../base/printable.ts';
import { makerOf } from '../pos/sale-methods.ts';
import { readTimeouts } from './bridge-options.ts';
import { EXIT } from './exit-codes.ts';
import { followConnection } from './pos-follow.ts';
import type { PosJob, PreparePos } from './pos-job.ts';
import { totalsLines } from './pos-totals-view.ts';
import { infoLines, jsonLine, onOneLine, statusLine, statusLines } from './pos-view.ts';

const MAX_METHOD = 256;
const MAX_SHOWN = 200;

/** Asks something, and tells what came of it. */
function asking(ask: (job: PosJob) => Promise<readonly string[]>): PreparePos {
  return () => async (job) => {
    const stopFollowing = followConnection(job);
    const lines = await ask(job);
    stopFollowing();
    await job.screen.print(lines);
    return EXIT.ok;
  };
}

export const prepareStatus = asking(async ({ client, screen, interrupts }) => {
  const status = await client.status({ signal: interrupts.stopped });
  return screen.isJson ? [jsonLine({ event: 'status' }, { status: status.text })] : statusLines(status);
});

export const prepareInfo = asking(async ({ client, screen, interrupts }) => {
  const info = await client.info({ signal: interrupts.stopped });
  return screen.isJson ? [jsonLine({ event: 'info' }, { info: info.text })] : infoLines(info);
});

export const prepareTotals: PreparePos = (settings, operands) => {
  const close = settings.flag('close') === true;
  return asking(async ({ client, screen, interrupts }) => {
    const totals = await client.totals({ close, signal: interrupts.stopped });
    return screen.isJson ? [jsonLine({ event: 'totals' }, { totals: totals.text })] : totalsLines(totals);
  })(settings, operands);
};

export const prepareAbort = asking(async ({ client, screen, interrupts }) => {
  await client.abort({ signal: interrupts.stopped });
  return screen.isJson ? [jsonLine({ event: 'aborted' })] : ['aborted'];
});

/** The result is data: it comes out as the terminal wrote it, but for what a screen would act on. */
export const prepareCall: PreparePos = (settings, [method = '', params = '{}']) => {
  const why = whyNoCall(method, params);
  if (why !== undefined) throw new BridgeError('USAGE', `${why}; see posbridge pos --help`);
  const timeoutMs = readTimeouts(settings)(method);
  return asking(async ({ client, screen, interrupts }) => {
    const { text } = await client.call(method, params, { signal: interrupts.stopped, timeoutMs });
    if (screen.isJson) return [jsonLine({ event: 'result' }, { result: text })];
    return [isatty(1) ? escapeActive(onOneLine(text)) : text];
  })(settings, []);
};

function whyNoCall(method: string, params: string): string | undefined {
  const shown = quoteText(method, MAX_SHOWN);
  const maker = makerOf(method);
  if (maker !== undefined)
    return `${shown} is not called: "posbridge pos ${maker}" makes one, and records it first`;
  if (method === '' || method.length > MAX_METHOD) return `${shown} is no method`;
  if (method.startsWith('_')) return `${shown} belongs to the transport`;
  let value: unknown;
  try {
    value = JSON.parse(params);
  } catch {
    return `the params are no JSON; wanted is an object such as '{"test_id":"large_file_download"}'`;
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? undefined : `the params are no JSON object, such as '{"test_id":"large_file_download"}'`;
}

/**
 * What the terminal does, one live line or a line a change, over as many connections as it takes, until it is stopped
 * or unread.
 */
export const prepareWatch: PreparePos = () => async (job) => {
  const { client, screen, interrupts } = job;
  const signal = AbortSignal.any([interrupts.stopped, screen.unread]);
  client.on('connected', ({ to }) => screen.receive({ kind: 'connected', to }));
  client.on('disconnected', (disconnection) => {
    if (!signal.aborted) screen.receive({ kind: 'disconnected', disconnection });
  });
  client.on('message', (text) => screen.receive({ kind: 'message', text }));
  client.on('status', (status) => {
    screen.receive({ kind: 'status', status });
    screen.showStatus(statusLine(status));
  });
  screen.begin(`connecting to ${job.to}`);
  try {
    await client.connect({ signal });
    await client.watch({ signal });
  } catch (fault) {
    if (!signal.aborted) throw fault;
  }
  return EXIT.ok;
};
