import { systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { maskText } from '../base/mask.ts';
import { memberOf } from '../base/member.ts';
import { quoteText } from '../base/printable.ts';
import type { CallResult } from '../pos/pos-client.ts';
import { PeerError } from '../pos/pos-error.ts';
import { ALLOW_FORM, parseAllow } from '../pos/proxy/allow.ts';
import type { NetworkEvent, NetworkOffer, NetworkOptions } from '../pos/proxy/network-offer.ts';
import type { NetworkTotals } from '../pos/proxy/network-session.ts';
import { readLinkSpeed, readTimeouts } from './bridge-options.ts';
import { EXIT } from './exit-codes.ts';
import type { PosJob, PreparePos } from './pos-job.ts';
import { jsonLine } from './pos-view.ts';
import { parseDurationMs, readInteger } from './readers.ts';
import type { Settings } from './settings.ts';

const MAX_CONNECTIONS = 4096;
const MAX_PARALLEL = 64;
const TEST_TIMEOUT = '1h';
const MAX_TEST_MS = 86_400_000;
const SHOW_MS = 1000;
const NO_TRAFFIC: NetworkTotals = { connections: 0, open: 0, toTerminal: 0, fromTerminal: 0 };
const MAX_SHOWN = 200;

/** `posbridge pos proxy`: this machine's network for the terminal, until it is stopped. */
export const prepareProxy: PreparePos = (settings) => {
  const options = readNetwork(settings);
  return async (job) => {
    const { client, screen, interrupts, to } = job;
    const signal = interrupts.stopped;
    const listening = followNetwork(job);
    const refused = deferred<never>();
    refused.promise.catch(() => {}); // it may come when nobody waits any more
    const stopped = deferred<void>();
    signal.addEventListener('abort', () => stopped.resolve());
    screen.begin(`connecting to ${to}`);
    let offer: NetworkOffer | undefined;
    let hideTraffic = () => {};
    try {
      await client.connect({ signal });
      offer = await client.offerNetwork({
        ...options,
        signal,
        onEvent: (event) => {
          if (event.kind === 'refused') refused.reject(event.error);
          else screen.receive({ kind: 'note', text: eventText(event) });
        },
      });
      hideTraffic = showTraffic(job, offer);
      void client.watch({ signal }); // old terminals are asked whether they are busy
      await Promise.race([stopped.promise, refused.promise]);
    } catch (fault) {
      if (!signal.aborted) throw fault;
    } finally {
      hideTraffic();
      await offer?.close();
      listening();
    }
    await screen.print([totalsLine(offer?.totals ?? NO_TRAFFIC, screen.isJson)]);
    return EXIT.ok;
  };
};

/** `posbridge pos test`: the terminal tests the register, which offers its network meanwhile. */
export const prepareTest: PreparePos = (settings, [testId = '']) => {
  if (!/^[\x21-\x7e]{1,100}$/.test(testId)) {
    throw new BridgeError(
      'USAGE',
      `${quoteText(testId, MAX_SHOWN)} is no test; for instance posbridge pos test large_file_download`,
    );
  }
  const options = readNetwork(settings);
  const count = readInteger(settings, 'parallel', 1, MAX_PARALLEL) ?? 1;
  const timeoutMs = settings.isGiven('timeout')
    ? readTimeouts(settings)('Test')
    : parseDurationMs(TEST_TIMEOUT, MAX_TEST_MS);
  return async (job) => {
    const { client, screen, interrupts, to } = job;
    const signal = interrupts.stopped;
    const listening = followNetwork(job);
    screen.begin(`connecting to ${to}`);
    let offer: NetworkOffer | undefined;
    let hideTraffic = () => {};
    try {
      await client.connect({ signal });
      offer = await orWithout(
        client.offerNetwork({
          ...options,
          signal,
          onEvent: (event) => screen.receive({ kind: 'note', text: eventText(event) }),
        }),
      );
      if (offer !== undefined) hideTraffic = showTraffic(job, offer);
      const startedMs = systemClock.nowMs();
      const tests = Array.from({ length: count }, () =>
        client.call('Test', { test_id: testId }, { signal, timeoutMs }),
      );
      const outcomes = await Promise.allSettled(tests);
      const durationMs = systemClock.nowMs() - startedMs;
      hideTraffic();
      const lines = outcomes.map((outcome, index) => outcomeLine(outcome, index, screen.isJson));
      const { toTerminal } = offer?.totals ?? NO_TRAFFIC;
      await screen.print([...lines, speedLine(toTerminal, durationMs, screen.isJson)]);
      const fault = outcomes.find((outcome) => outcome.status === 'rejected')?.reason;
      if (fault !== undefined && !(fault instanceof PeerError)) throw fault;
      return fault === undefined ? EXIT.ok : EXIT.declined;
    } finally {
      hideTraffic();
      await offer?.close();
      listening();
    }
  };
};

/** Undefined: the terminal does not want the network. What it tests then is for the terminal to say. */
async function orWithout(offer: Promise<NetworkOffer>): Promise<NetworkOffer | undefined> {
  try {
    return await offer;
  } catch (fault) {
    if (fault instanceof PeerError) return undefined;
    throw fault;
  }
}

function readNetwork(settings: Settings): NetworkOptions {
  return {
    allow: settings.list('allow').map((text) => {
      if (parseAllow(text) === undefined) throw settings.refused('allow', text, ALLOW_FORM);
      return text;
    }),
    maxConnections: readInteger(settings, 'max-connections', 1, MAX_CONNECTIONS),
    linkSpeed: readLinkSpeed(settings),
  };
}

function followNetwork({ client, screen }: PosJob): () => void {
  const listening = [
    client.on('connected', ({ to }) => screen.receive({ kind: 'connected', to })),
    client.on('disconnected', (disconnection) => screen.receive({ kind: 'disconnected', disconnection })),
  ];
  return () => {
    for (const stop of listening) stop();
    screen.end();
  };
}

/** On a terminal: what goes through, as long as it is offered. */
function showTraffic({ screen }: PosJob, offer: NetworkOffer): () => void {
  if (!screen.isLive) return () => {};
  let { toTerminal, fromTerminal } = offer.totals;
  const timer = setInterval(() => {
    const { totals } = offer;
    const down = Math.round(((totals.toTerminal - toTerminal) * 1000) / SHOW_MS);
    const up = Math.round(((totals.fromTerminal - fromTerminal) * 1000) / SHOW_MS);
    ({ toTerminal, fromTerminal } = totals);
    if (offer.isStarted) {
      screen.showStatus(
        `network: ${totals.open} open, ${down} bytes/s to the terminal, ${up} bytes/s from it`,
      );
    }
  }, SHOW_MS);
  return () => clearInterval(timer);
}

function eventText(event: NetworkEvent): string {
  if (event.kind === 'waiting') return `the terminal is not ready: ${event.error.message}`;
  if (event.kind === 'refused') return `without the network: ${event.error.message}`;
  const { linkSpeed } = event;
  const speed = Number.isFinite(linkSpeed) ? `at most ${linkSpeed} bytes/s` : 'as fast as it goes';
  return `the terminal has the network, ${speed}`;
}

function totalsLine(totals: Readonly<NetworkTotals>, isJson: boolean): string {
  const { connections, toTerminal, fromTerminal } = totals;
  if (isJson) return jsonLine({ event: 'network', connections, toTerminal, fromTerminal });
  return `${connections} connections, ${toTerminal} bytes to the terminal, ${fromTerminal} bytes from it`;
}

function outcomeLine(outcome: PromiseSettledResult<CallResult>, index: number, isJson: boolean): string {
  const number = index + 1;
  if (outcome.status === 'fulfilled') {
    const { value, text } = outcome.value;
    if (isJson) return jsonLine({ event: 'test', number }, { result: text });
    const [bytes, speed] = ['bytes', 'bytes_per_s'].map((name) => memberOf(value, name));
    const words = typeof bytes === 'number' ? `${bytes} bytes, ${speed ?? '?'} bytes/s` : 'done';
    return `test ${number}: ${words}${memberOf(value, 'verified') === true ? ', verified' : ''}`;
  }
  const why = maskText(
    outcome.reason instanceof PeerError ? outcome.reason.message : describeFault(outcome.reason),
  );
  return isJson ? jsonLine({ event: 'test', number, failed: why }) : `test ${number}: failed: ${why}`;
}

function speedLine(toTerminal: number, durationMs: number, isJson: boolean): string {
  const bytesPerS = Math.round((toTerminal * 1000) / Math.max(1, durationMs));
  const seconds = (durationMs / 1000).toFixed(1);
  if (isJson)
    return jsonLine({ event: 'network', toTerminal, durationMs: Math.round(durationMs), bytesPerS });
  return `${toTerminal} bytes through the network in ${seconds} s: ${bytesPerS} bytes/s`;
}
