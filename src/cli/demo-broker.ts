import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CHANNEL_NAMES, type ChannelName } from '../base/channel-name.ts';
import { systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { describeFault } from '../base/errors.ts';
import { pause } from '../base/pause.ts';
import { Server } from '../bridge/server.ts';
import type { BrokeredDemo } from '../dialect/demo.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { parseListener } from '../endpoint/listener.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { PosClient } from '../pos/pos-client.ts';
import type { MadeSale } from '../pos/sale.ts';
import { resolveBridgeOptions } from './bridge-options.ts';
import { openTerminalWithScreen, withOtherPlace } from './demo-terminal.ts';
import { dialFor } from './dialled-terminal.ts';
import { EXIT } from './exit-codes.ts';
import { Program } from './program.ts';
import { readFolder, readListeners } from './readers.ts';
import { readScreen } from './screen-option.ts';
import { readServerLimits } from './serve.ts';
import type { Settings } from './settings.ts';

const AMOUNT = { minor: 1230, text: '12.30' };
/** Between two sales of the register. */
const REST_MS = 30_000;
const LOOK_MS = 100;

/** Plays a broker, a terminal with a screen, and a register that pays again and again, until stopped. */
export async function brokerDemo(demo: BrokeredDemo, settings: Settings): Promise<number> {
  const [listener = parseListener(demo.listen)] = readListeners(settings);
  const shown = { wanted: readScreen(settings), pictures: readFolder(settings, 'screen-files') };
  const broker = await resolveBridgeOptions(settings, {
    channels: everyChannel('null:'),
    dialect: await demo.broker(!settings.isGiven('listen')),
  });
  const options = await resolveBridgeOptions(settings, {
    channels: everyChannel('simulator:'),
    dialect: await demo.terminal(),
  });
  const program = await Program.start(settings);
  const leaving = new AbortController();
  const stopped = deferred<void>();
  program.onStop(stopped.resolve);
  const closing: (() => Promise<unknown>)[] = [];
  try {
    const { terminal, screen } = await openTerminalWithScreen(program, shown);
    closing.push(() => screen.close());
    const limits = readServerLimits(settings);
    const opened = Server.open({ ...broker, ...limits, listeners: [listener] }, program.context);
    const server = await opened.catch((fault: unknown) => {
      throw withOtherPlace(fault, listener.endpoint.text);
    });
    closing.push(() => server.stop());
    const [text = '', ...places] = server.addresses;
    const place = { endpoint: parseEndpoint(text, 'wire'), fds: undefined, tty: undefined, line: NO_LINE };
    const dialled = await dialFor(terminal, { settings, options, place, text }, program);
    closing.push(() => dialled.stop());
    const register = { to: demo.to(places), currency: demo.currency };
    process.stderr.write(words(text, screen.url, register));
    const paying = payForEver(register, () => dialled.isConnected, program, leaving.signal);
    closing.push(() => paying);
    await stopped.promise;
    return EXIT.ok;
  } finally {
    leaving.abort();
    for (const close of closing.reverse()) await close();
    await program.end();
  }
}

const NO_LINE = { isLine: false } as const;

function everyChannel(text: string): Map<ChannelName, Endpoint> {
  const endpoint = parseEndpoint(text, 'channel');
  return new Map(CHANNEL_NAMES.map((channel) => [channel, endpoint]));
}

interface DemoRegister {
  readonly to: string;
  readonly currency: string;
}

/** A register that buys something whenever the terminal is there, with a store that goes with it. Never rejects. */
async function payForEver(
  { to, currency }: DemoRegister,
  isThere: () => boolean,
  { log }: Program,
  signal: AbortSignal,
): Promise<void> {
  const store = await mkdtemp(path.join(tmpdir(), 'posbridge-demo-'));
  const say = (what: string) => process.stderr.write(`The register: ${AMOUNT.text} ${currency} ${what}\n`);
  try {
    const pos = await PosClient.open({ to, store, log });
    while (!signal.aborted) {
      while (!isThere() && !signal.aborted) await pause(systemClock, LOOK_MS, signal);
      if (signal.aborted) break;
      await pos.purchase({ amountMinor: AMOUNT.minor, currency }, { signal }).then(
        (sale) => say(outcomeText(sale)),
        (fault: unknown) => say(describeFault(fault)),
      );
      await pause(systemClock, REST_MS, signal);
    }
    await pos.close();
  } catch (fault) {
    log.warn('the demo does without its register', { why: describeFault(fault) });
  } finally {
    await rm(store, { recursive: true, force: true });
  }
}

function outcomeText({ outcome, reason }: MadeSale): string {
  return reason === undefined ? outcome : `${outcome} (${reason.details})`;
}

function words(broker: string, screen: string, { to, currency }: DemoRegister): string {
  return `
A simulated payment terminal. Its screen: ${screen}

It dials the broker at ${broker}. A register pays ${AMOUNT.text} ${currency} there every ${REST_MS / 1000} seconds. Pay as
another register, in another window:

  posbridge pos purchase 5.35 ${currency} --to '${to}'

With the screen open in a browser you are the cardholder: tap or insert a card there. Without it the amount decides:
those that end in 01 are declined. Ctrl-C ends the demo.

`;
}
