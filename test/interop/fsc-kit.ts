import { writeFileSync } from 'node:fs';
import { systemClock } from '../../src/base/clock.ts';
import { EXAMPLE_SITES } from '../../src/dialect/openfsc/simulator/example-sites.ts';
import { Station, type StationOptions } from '../../src/dialect/openfsc/simulator/station.ts';
import { parseEndpoint } from '../../src/endpoint/parse.ts';
import { listen } from '../../src/wire/listen.ts';
import type { Running, Workbench } from './kit.ts';

/** What there is to stop at the end of a test, besides the bench. */
export interface Opened {
  close(): Promise<void>;
}

/** A simulated station that bridges find at `unix:` on the bench's usual socket. */
export async function openStation(bench: Workbench, options: Partial<StationOptions> = {}): Promise<Opened> {
  let sales = 0;
  const station = new Station({
    clock: systemClock,
    paceMs: 20,
    newId: () => {
      sales += 1;
      return `sale${sales}`;
    },
    ...options,
  });
  const listener = await listen(parseEndpoint(`unix:${bench.socketPath}`, 'listen'), {
    onWire: (wire) => station.attach(wire),
  });
  return {
    async close() {
      await station.close();
      await listener.close();
    },
  };
}

/** The sites file of the first example site, with one session or several. */
export function writeSites(bench: Workbench, more: object = {}, sessions: readonly object[] = [{}]): string {
  const [site] = EXAMPLE_SITES;
  writeFileSync(bench.path('secret'), `${site?.secret}\n`);
  const sites = sessions.map((session) => ({
    siteAccessKey: site?.siteAccessKey,
    secretFile: bench.path('secret'),
    ...session,
  }));
  writeFileSync(bench.path('sites.json'), JSON.stringify({ sites, ...more }));
  return bench.path('sites.json');
}

/** `posbridge fsc-server`, listening; `address` is where. */
export async function startPlatform(
  bench: Workbench,
  args: readonly string[],
  listenOn = 'tcp:127.0.0.1:0',
): Promise<{ platform: Running; address: string }> {
  const platform = bench.start('posbridge', ['fsc-server', '--listen', listenOn, ...args]);
  const [, address = ''] = await platform.stdout.waitFor(/listening(?: on |","on":")([^\s"]+)/);
  return { platform, address };
}

/** The site's bridge, with the station behind all channels. */
export function startSite(bench: Workbench, address: string, args: readonly string[] = []): Running {
  const where = ['--wire', address, '--app', `unix:${bench.socketPath}`];
  return bench.startBridge(['--dialect', 'openfsc', ...where, '--sites', bench.path('sites.json'), ...args]);
}
