import { randomUUID } from 'node:crypto';
import { CHANNEL_NAMES } from '../base/channel-name.ts';
import { systemClock } from '../base/clock.ts';
import { openLogSink } from '../base/log-sink.ts';
import { maskText } from '../base/mask.ts';
import { escapeActive } from '../base/printable.ts';
import { Bridge, type BridgeOptions } from '../bridge/bridge.ts';
import { CHARSETS } from '../dialect/openfsc/charset.ts';
import { siteDialect } from '../dialect/openfsc/dialect.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { EXAMPLE_SITES } from '../fsc/example-sites.ts';
import { askFirst } from '../fsc/first-questions.ts';
import { Platform } from '../fsc/platform.ts';
import { parseScript } from '../fsc/script.ts';
import { ScriptPlayer } from '../fsc/script-player.ts';
import { SCRIPTS } from '../fsc/scripts.ts';
import { DEFAULT_SETTINGS } from '../fsc/settings.ts';
import { Station } from '../fsc/station.ts';
import { memoryWirePair } from '../wire/memory.ts';
import { EXIT } from './exit-codes.ts';
import { Program } from './program.ts';
import type { Settings } from './settings.ts';

/** What a customer takes for each step. */
const PACE_MS = 300;
const ANSWER_MS = 10_000;

const PLAYS = [
  { title: 'A customer fuels first and pays afterwards (post-pay)', script: 'post-pay' },
  { title: 'A customer pays with an app first, and the pump is unlocked (pre-auth)', script: 'pre-auth' },
];

/** `posbridge demo --dialect openfsc`: platform, bridge and station in this process; two fuellings, line by line, then the end. */
export async function runOpenfscDemo(settings: Settings): Promise<number> {
  if (settings.isGiven('listen')) {
    throw settings.fault('listen', 'the demo of openfsc needs no listener; posbridge fsc-server is one');
  }
  const program = await Program.start(settings);
  const sink = openLogSink(1);
  const platform = new Platform({
    clock: systemClock,
    settings: DEFAULT_SETTINGS,
    sites: EXAMPLE_SITES,
    events: {
      line: (_connection, direction, text) =>
        sink.write(
          direction === 'in'
            ? `platform <- bridge             ${text}`
            : `platform -> bridge             ${text}`,
        ),
      note: (text) => sink.write(`  # ${text}`),
    },
  });
  const station = new Station({
    clock: systemClock,
    newId: () => randomUUID().slice(0, 8),
    paceMs: PACE_MS,
    onLine: (direction, text) => {
      const shown = escapeActive(maskText(text));
      sink.write(
        direction === 'in'
          ? `            bridge -> station  ${shown}`
          : `            bridge <- station  ${shown}`,
      );
    },
  });
  try {
    program.useSimulator(station);
    const [siteWire, platformWire] = memoryWirePair();
    askFirst(platform);
    platform.attach(platformWire);
    const bridge = await Bridge.open(siteWire, bridgeOptions(), program.context);
    const ended = bridge.run();
    program.onStop(() => bridge.stop());
    let isGood = true;
    for (const { title, script } of PLAYS) {
      if (!isGood) break;
      sink.write(`\n=== ${title} ===\n`);
      isGood = await play(script, platform, ended, (why) => sink.write(`\n${why}`));
    }
    platform.quit('that was all');
    await ended;
    return isGood ? EXIT.ok : EXIT.declined;
  } finally {
    platform.destroy();
    await program.end();
    sink.flush();
  }
}

/** False when it does not hold. */
async function play(
  name: string,
  platform: Platform,
  bridgeEnded: Promise<unknown>,
  tell: (why: string) => void,
): Promise<boolean> {
  const script = parseScript(SCRIPTS[name] ?? '');
  const player = new ScriptPlayer({ clock: systemClock, platform, script, newId: randomUUID });
  void bridgeEnded.then(() => player.stop());
  const end = await player.play();
  if (!end.ok) tell(`The demo does not hold: ${end.why}`);
  return end.ok;
}

function bridgeOptions(): BridgeOptions {
  const [site] = EXAMPLE_SITES;
  if (site === undefined) throw new RangeError('there is no example site');
  const simulator = parseEndpoint('simulator:', 'channel');
  return {
    dialect: siteDialect({
      sites: [{ ...site, name: 'station', priority: undefined, legacyPan: false }],
      usesSessions: false,
      charsets: CHARSETS,
      push: 'always',
      transactionInfo: false,
      sessionMode: false,
    }),
    channels: new Map(CHANNEL_NAMES.map((channel) => [channel, simulator])),
    routes: [],
    timeoutMs: () => ANSWER_MS,
    outcomeWaitMs: ANSWER_MS,
    repeatWindowMs: ANSWER_MS,
    protocol: { maxFrameBytes: 1_000_000, keepalive: 'off', sync: false },
  };
}
