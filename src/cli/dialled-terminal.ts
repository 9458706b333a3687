import type { PlaceStatus } from '../base/status.ts';
import type { BridgeOptions } from '../bridge/bridge-options.ts';
import { ReopeningBridge } from '../bridge/reopening-bridge.ts';
import type { LinkState } from '../terminal/screen-model.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Program } from './program.ts';
import type { Settings } from './settings.ts';
import { openPlace, type Place } from './wire-place.ts';

export interface DialledTerminal {
  readonly isConnected: boolean;
  /** Resolves when it has been stopped. */
  readonly over: Promise<unknown>;
  stop(): Promise<void>;
}

/**
 * A simulated terminal that dials who asks it, for ever, and shows how that goes.
 *
 * @param options its channels lead to this terminal.
 */
export async function dialFor(
  terminal: Terminal,
  {
    settings,
    options,
    place,
    text,
  }: {
    readonly settings: Settings;
    readonly options: BridgeOptions;
    readonly place: Place;
    /** The wire's endpoint, for people. */
    readonly text: string;
  },
  program: Program,
): Promise<DialledTerminal> {
  const { context } = program;
  let changed = () => {};
  const bridge = await ReopeningBridge.open(
    {
      ...options,
      place: text,
      openWire: (signal) => openPlace(place, { settings, options, context, signal }),
      placeChanged: () => changed(),
    },
    context,
  );
  let wasConnected = false;
  changed = terminal.showLink(() => {
    const link = linkOf(text, bridge.places[0], options.dialect.hasSession?.() === true, wasConnected);
    wasConnected ||= link.isConnected;
    return link;
  });
  program.observe(bridge);
  const over = bridge.run();
  return {
    get isConnected() {
      return bridge.places[0]?.state === 'open';
    },
    over,
    async stop() {
      bridge.stop();
      await over;
    },
  };
}

function linkOf(
  text: string,
  place: PlaceStatus | undefined,
  hasSession: boolean,
  wasConnected: boolean,
): LinkState {
  const { state, failures = 0, why } = place ?? {};
  return { place: text, isConnected: state === 'open', wasConnected, failures, why, hasSession };
}
