import { CHANNEL_NAMES } from '../base/channel-name.ts';
import { systemClock } from '../base/clock.ts';
import { openLogSink } from '../base/log-sink.ts';
import { Bridge } from '../bridge/bridge.ts';
import type { BridgeOptions } from '../bridge/bridge-options.ts';
import type { PlayedDemo, Stage } from '../dialect/demo.ts';
import type { Dialect } from '../dialect/dialect.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { EXIT } from './exit-codes.ts';
import { Program } from './program.ts';
import type { Settings } from './settings.ts';

/** Where nothing is asked for twice: as long as anybody waits in a demo. */
const WAIT_MS = 10_000;

/** Plays a demo whose two ends are in this process. */
export async function playDemo(demo: PlayedDemo, settings: Settings): Promise<number> {
  if (settings.isGiven('listen')) {
    const why = `the demo of ${settings.text('dialect')} plays both ends itself and takes no connections`;
    throw settings.fault('listen', why);
  }
  const program = await Program.start(settings);
  const sink = openLogSink(1);
  const stage: Stage = {
    clock: systemClock,
    show: (line) => sink.write(line),
    bridge: async (wire, dialect, application) => {
      program.useSimulator(application);
      const bridge = await Bridge.open(wire, bridgeOptions(dialect), program.context);
      const ended = bridge.run().then(() => {});
      program.onStop(() => bridge.stop());
      return { ended };
    },
  };
  try {
    return (await demo.play(stage)) ? EXIT.ok : EXIT.declined;
  } finally {
    await program.end();
    sink.flush();
  }
}

function bridgeOptions(dialect: Dialect): BridgeOptions {
  const simulator = parseEndpoint('simulator:', 'channel');
  return {
    dialect,
    channels: new Map(CHANNEL_NAMES.map((channel) => [channel, simulator])),
    routes: [],
    timeoutMs: () => WAIT_MS,
    outcomeWaitMs: WAIT_MS,
    repeatWindowMs: WAIT_MS,
    protocol: { maxFrameBytes: 1_000_000, keepalive: 'off', sync: false },
  };
}
