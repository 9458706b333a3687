import { randomUUID } from 'node:crypto';
import { maskText } from '../../../base/mask.ts';
import { escapeActive } from '../../../base/printable.ts';
import { memoryWirePair } from '../../../wire/memory.ts';
import type { PlayedDemo, Stage } from '../../demo.ts';
import type { Dialect } from '../../dialect.ts';
import { CHARSETS } from '../charset.ts';
import { siteDialect } from '../dialect.ts';
import { EXAMPLE_SITES } from './example-sites.ts';
import { askFirst } from './first-questions.ts';
import { Platform } from './platform.ts';
import { parseScript } from './script.ts';
import { ScriptPlayer } from './script-player.ts';
import { SCRIPTS } from './scripts.ts';
import { DEFAULT_SETTINGS } from './settings.ts';
import { Station } from './station.ts';

/** What a customer takes for each step. */
const PACE_MS = 300;

const PLAYS = [
  { title: 'A customer fuels first and pays afterwards (post-pay)', script: 'post-pay' },
  { title: 'A customer pays with an app first, and the pump is unlocked (pre-auth)', script: 'pre-auth' },
];

/** Platform, bridge and station in one process: two fuellings, line by line. */
export const demo: PlayedDemo = { kind: 'played', play };

async function play(stage: Stage): Promise<boolean> {
  const { clock } = stage;
  const platform = new Platform({
    clock,
    settings: DEFAULT_SETTINGS,
    sites: EXAMPLE_SITES,
    events: {
      line: (_connection, direction, text) =>
        stage.show(
          direction === 'in'
            ? `platform <- bridge             ${text}`
            : `platform -> bridge             ${text}`,
        ),
      note: (text) => stage.show(`  # ${text}`),
    },
  });
  const station = new Station({
    clock,
    newId: () => randomUUID().slice(0, 8),
    paceMs: PACE_MS,
    onLine: (direction, text) => {
      const shown = escapeActive(maskText(text));
      stage.show(
        direction === 'in'
          ? `            bridge -> station  ${shown}`
          : `            bridge <- station  ${shown}`,
      );
    },
  });
  try {
    const [siteWire, platformWire] = memoryWirePair();
    askFirst(platform);
    platform.attach(platformWire);
    const { ended } = await stage.bridge(siteWire, exampleSite(), station);
    let isGood = true;
    for (const { title, script } of PLAYS) {
      if (!isGood) break;
      stage.show(`\n=== ${title} ===\n`);
      isGood = await playScript(script, platform, ended, stage);
    }
    platform.quit('that was all');
    await ended;
    return isGood;
  } finally {
    platform.destroy();
  }
}

/** False when it does not hold. */
async function playScript(
  name: string,
  platform: Platform,
  bridgeEnded: Promise<void>,
  { clock, show }: Stage,
): Promise<boolean> {
  const script = parseScript(SCRIPTS[name] ?? '');
  const player = new ScriptPlayer({ clock, platform, script, newId: randomUUID });
  void bridgeEnded.then(() => player.stop());
  const end = await player.play();
  if (!end.ok) show(`\nThe demo does not hold: ${end.why}`);
  return end.ok;
}

function exampleSite(): Dialect {
  const [site] = EXAMPLE_SITES;
  if (site === undefined) throw new RangeError('there is no example site');
  return siteDialect({
    sites: [{ ...site, name: 'station', priority: undefined, legacyPan: false }],
    usesSessions: false,
    charsets: CHARSETS,
    push: 'always',
    transactionInfo: false,
    sessionMode: false,
  });
}
