import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { openLogSink } from '../base/log-sink.ts';
import { textOfFile } from '../base/text-file.ts';
import { readSiteEnd } from '../dialect/openfsc/dialect.ts';
import { EXAMPLE_SITES } from '../dialect/openfsc/simulator/example-sites.ts';
import { askFirst } from '../dialect/openfsc/simulator/first-questions.ts';
import { Platform, type PlatformEvents } from '../dialect/openfsc/simulator/platform.ts';
import { parseScript, SCRIPT_LIMITS, type Script } from '../dialect/openfsc/simulator/script.ts';
import { type ScriptEnd, ScriptPlayer } from '../dialect/openfsc/simulator/script-player.ts';
import { SCRIPTS } from '../dialect/openfsc/simulator/scripts.ts';
import type { Credentials } from '../dialect/openfsc/simulator/server-requests.ts';
import {
  DEFAULT_SETTINGS,
  type PlatformSettings,
  readSetting,
} from '../dialect/openfsc/simulator/settings.ts';
import { oneOfEach } from '../dialect/openfsc/sites.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { listen } from '../wire/listen.ts';
import { EXIT } from './exit-codes.ts';
import { Program } from './program.ts';
import { readEndpoint } from './readers.ts';
import type { Settings } from './settings.ts';

/** `posbridge fsc-server`: a simulated OpenFSC payment platform, until stopped or until its script is played. */
export async function runFscServer(settings: Settings): Promise<number> {
  const endpoint = readListen(settings);
  const sites = await readSites(settings);
  const script = await readScript(settings);
  const platformSettings = readPlatformSettings(settings, script);
  const program = await Program.start(settings);
  const output = openOutput(settings);
  const platform = new Platform({ clock: systemClock, settings: platformSettings, sites, events: output });
  const stopped = deferred<undefined>();
  program.onStop(() => stopped.resolve(undefined));
  try {
    askFirst(platform);
    const adapt = platformSettings.isBytewise ? (await import('../wire/torture.ts')).tortureWire : undefined;
    const listener = await listen(endpoint, {
      onWire: (wire) => platform.attach(adapt?.(wire) ?? wire),
      onFault: (fault) =>
        program.log.warn('a connection could not be accepted', { why: describeFault(fault) }),
      subprotocol: undefined,
      isBinary: true,
      sendsBinary: platformSettings.messages === 'binary',
    });
    output.event('listening', { on: listener.address });
    try {
      if (script === undefined) {
        await stopped.promise;
        return EXIT.ok;
      }
      const player = new ScriptPlayer({ clock: systemClock, platform, script, newId: randomUUID });
      void stopped.promise.then(() => player.stop());
      return tell(await player.play(), settings, output);
    } finally {
      await listener.close();
      platform.quit('the server is being stopped');
      await platform.drained();
    }
  } finally {
    await program.end();
    output.flush();
  }
}

function tell(end: ScriptEnd, settings: Settings, output: Output): number {
  const name = settings.text('script') ?? '';
  output.event('end', end.ok ? { script: name, ok: true } : { script: name, ok: false, why: end.why });
  if (end.ok) return EXIT.ok;
  process.stderr.write(`posbridge: the script ${name} does not hold: ${end.why}\n`);
  return EXIT.declined;
}

function readListen(settings: Settings): Endpoint {
  const endpoint = readEndpoint(settings, 'listen', 'listen');
  if (endpoint !== undefined) return endpoint;
  throw new BridgeError(
    'USAGE',
    'say where sites connect to, for instance --listen tcp:127.0.0.1:1234 or --listen ws://127.0.0.1:1234/ws/text',
  );
}

async function readSites(settings: Settings): Promise<readonly Credentials[]> {
  if (!settings.isGiven('sites')) return EXAMPLE_SITES;
  const { sites } = await readSiteEnd({
    text: (option) => (option === 'sites' ? settings.text('sites') : undefined),
    flag: () => false,
    isSimulated: false,
    environment: (name) => process.env[name],
    fault: (_option, why) => settings.fault('sites', why),
  });
  // A site that has several sessions stands there several times.
  return oneOfEach(sites);
}

async function readScript(settings: Settings): Promise<Script | undefined> {
  const named = settings.text('script');
  if (named === undefined) return undefined;
  const own = Object.hasOwn(SCRIPTS, named) ? SCRIPTS[named] : undefined;
  try {
    return parseScript(own ?? (await readScriptFile(named)));
  } catch (cause) {
    const names = Object.keys(SCRIPTS).join(', ');
    const known =
      (cause as NodeJS.ErrnoException).code === 'ENOENT' ? `; scripts with a name are ${names}` : '';
    throw settings.fault('script', `${named}: ${describeFault(cause)}${known}`, cause);
  }
}

async function readScriptFile(file: string): Promise<string> {
  const status = await stat(file);
  if (!status.isFile()) throw new Error('it is no regular file');
  if (status.size > SCRIPT_LIMITS.bytes) throw new Error(`it is larger than ${SCRIPT_LIMITS.bytes} bytes`);
  return textOfFile(await readFile(file));
}

/** The command line wins over the script. */
function readPlatformSettings(settings: Settings, script: Script | undefined): PlatformSettings {
  let all: PlatformSettings = { ...DEFAULT_SETTINGS, ...script?.settings };
  for (const text of settings.list('set')) {
    const at = text.indexOf('=');
    const name = text.slice(0, Math.max(0, at)).trim();
    const read = readSetting(name, text.slice(at + 1));
    if (!read.ok) throw settings.fault('set', `${text}: ${read.why}`);
    all = { ...all, ...read.value };
  }
  return settings.flag('torture') === true ? { ...all, isBytewise: true } : all;
}

interface Output extends PlatformEvents {
  event(name: string, fields: Readonly<Record<string, unknown>>): void;
  flush(): void;
}

/**
 * What the platform did and saw, on standard output: for people as in a transcript (`C1:` is a site's line), or as
 * JSON.
 */
function openOutput(settings: Settings): Output {
  const isJson = settings.flag('json') === true;
  const sink = openLogSink(1, (lines) =>
    isJson ? JSON.stringify({ event: 'lost', lines }) : `# ${lines} lines were left out: nobody read them`,
  );
  const event = (name: string, fields: Readonly<Record<string, unknown>>, words: string) =>
    sink.write(isJson ? JSON.stringify({ event: name, ...fields }) : words);
  return {
    line: (connection, direction, text) => {
      const from = direction === 'in' ? 'site' : 'server';
      event(
        'line',
        { connection, from, line: text },
        `${direction === 'in' ? 'C' : 'S'}${connection}: ${text}`,
      );
    },
    note: (text) => event('note', { text }, `# ${text}`),
    event: (name, fields) => event(name, fields, `# ${describe(name, fields)}`),
    flush: () => sink.flush(),
  };
}

function describe(name: string, fields: Readonly<Record<string, unknown>>): string {
  if (name === 'listening') return `listening on ${fields['on']}`;
  return fields['ok'] === true
    ? `the script ${fields['script']} holds`
    : `the script ${fields['script']} does not hold: ${fields['why']}`;
}
