import path from 'node:path';
import { systemClock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { maskText } from '../base/mask.ts';
import type { TerminalEndpoint } from '../endpoint/endpoint.ts';
import { encodeFileName } from '../endpoint/expand.ts';
import { placeOf } from '../endpoint/place.ts';
import { placeholdersIn } from '../endpoint/placeholder.ts';
import type { Gateway } from '../pos/gateway/gateway.ts';
import type { Wire } from '../wire/wire.ts';
import { isNats } from './nats-options.ts';
import { readFolder } from './readers.ts';
import type { Settings } from './settings.ts';
import { readTerminalTls } from './tls-options.ts';

/** The terminals behind the channels of this process: each has one gateway, however many channels lead to it. */
export class Terminals {
  readonly #settings: Settings;
  readonly #log: Logger;
  readonly #gateways = new Map<string, Promise<Gateway>>();
  /** Which terminal has which folder. */
  readonly #folders = new Map<string, string>();

  constructor(settings: Settings, log: Logger) {
    this.#settings = settings;
    this.#log = log;
  }

  /** What attaches to a terminal. Rejects with what is wrong with its endpoint or its folder. */
  async ask(endpoint: TerminalEndpoint): Promise<(wire: Wire) => void> {
    const { text } = endpoint;
    const gateway = this.#gateways.get(text) ?? this.#open(endpoint);
    this.#gateways.set(text, gateway);
    gateway.catch(() => this.#gateways.delete(text)); // the next attempt may find its folder free
    const opened = await gateway;
    return (wire) => opened.attach(wire);
  }

  /** Says goodbye to every terminal. Never rejects. */
  async close(): Promise<void> {
    const gateways = await Promise.allSettled(this.#gateways.values());
    await Promise.all(gateways.map((one) => one.status === 'fulfilled' && one.value.close()));
  }

  async #open(endpoint: TerminalEndpoint): Promise<Gateway> {
    const [{ openGateway }, { readProxy }] = await Promise.all([
      import('../pos/gateway/open-gateway.ts'),
      import('./proxy-option.ts'),
    ]);
    const register = this.#settings.text('register');
    return openGateway(endpoint, {
      clock: systemClock,
      log: this.#log,
      register: register === undefined || register.includes('{') ? undefined : register,
      store: await this.#storeFor(endpoint),
      claim: (folder) => this.#claim(folder, endpoint),
      tls: await readTerminalTls(this.#settings, endpoint.place),
      proxyTo: readProxy(this.#settings, process.env, endpoint.place),
    });
  }

  /**
   * The folder stays the same wherever a terminal moves to: what lies in it counts. Only terminals that are others for
   * each peer have one in it each.
   */
  async #storeFor(endpoint: TerminalEndpoint): Promise<string | undefined> {
    const folder = terminalStoreOf(this.#settings);
    const isFixed = ENDPOINT_OPTIONS.some((name) => this.#settings.text(name) === endpoint.text);
    if (folder === undefined || isFixed) return folder;
    return path.join(folder, encodeFileName(await placeOf(endpoint)));
  }

  #claim(folder: string, { text }: TerminalEndpoint): void {
    const owner = this.#folders.get(folder);
    this.#folders.set(folder, owner ?? text);
    if (owner === undefined || owner === text) return;
    const why = `${owner} and ${text} cannot remember in the same folder: give each terminal a posbridge gateway of its own`;
    throw new BridgeError('USAGE', maskText(why));
  }
}

const ENDPOINT_OPTIONS = ['app', 'ui', 'payment', 'storage', 'device'] as const;

/** `--terminal-store`, else a folder in the journal's. */
export function terminalStoreOf(settings: Settings): string | undefined {
  const given = readFolder(settings, 'terminal-store');
  if (given !== undefined) {
    if (placeholdersIn(given).length === 0) return given;
    throw settings.fault(
      'terminal-store',
      `${given}: there are no placeholders; each terminal has its folder in it`,
    );
  }
  const journal = settings.text('journal');
  if (journal === undefined || isNats(journal)) return undefined;
  const at = journal.indexOf('{');
  return path.join(at === -1 ? journal : path.dirname(`${journal.slice(0, at)}x`), 'terminal');
}
