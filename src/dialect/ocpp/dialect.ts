import { isoTime, systemClock } from '../../base/clock.ts';
import { BridgeError, describeFault } from '../../base/errors.ts';
import type { ScreenSource } from '../../base/screen-source.ts';
import type { Dialect, PeerAnswer } from '../dialect.ts';
import { NO_MONEY } from '../no-money.ts';
import type { DialectSettings } from '../row.ts';
import { METHOD_PREFIX } from './actions.ts';
import { admission, SUBPROTOCOL } from './admission.ts';
import { Central, type CentralSettings } from './central.ts';
import { ChargerFile, isProvenAlike } from './charger-file.ts';
import { CentralConversation } from './conversation.ts';
import { readDataTransfer } from './data-transfer.ts';
import { type DatabasePlace, defaultDatabase, openDatabase, parseDatabase } from './database/open.ts';
import { routes } from './routes.ts';
import { Stranger } from './stranger.ts';

const NAME = 'ocpp1.6';
const HEARTBEAT_S = 300;
const MAX_HEARTBEAT_S = 86_400;
const FRAMES_KEEP_DAYS = 30;
const MAX_FRAMES_KEEP_DAYS = 3650;
const DAY_MS = 86_400_000;
/** Transaction data of a long night is thousands of samples; a line to an application takes no more. */
const MAX_MESSAGE_BYTES = 1_000_000;
/** A charge point whose network went away sends nothing, and nobody tells us. */
const PING_MS = 30_000;
/** A charge point waits 30 s or longer for an answer; its application should have said something well before. */
const TIMEOUT_MS = 20_000;

/** OCPP 1.6J, the central system: charge points on the wires, their operator's applications behind the channels. */
export async function setUp(settings: DialectSettings): Promise<Dialect> {
  const chargers = await openChargerFile(settings);
  const central = readCentral(settings, chargers);
  const place = readPlace(settings);
  const database = await openDatabase(place, isoTime(systemClock)).catch((cause: unknown) => {
    const where = place.kind === 'sqlite' ? place.to : 'PostgreSQL';
    throw new BridgeError('STATE_OPEN_FAILED', `--database: cannot open ${where}: ${describeFault(cause)}`, {
      cause,
    });
  });
  return centralDialect(new Central(central, database), chargers);
}

/** The dialect around a central system. */
export function centralDialect(central: Central, chargers?: ChargerFile): Dialect {
  chargers?.watch({
    changed: (before, now) => {
      central.note('info', 'the file of charge points has been read again', { chargers: now.size });
      for (const identity of central.connectedIdentities) {
        if (!isProvenAlike(before.get(identity), now.get(identity)))
          central.turnOut(identity, 'the charge point may no longer connect as it did');
      }
    },
    unusable: (why) => central.note('error', 'the charge points stay as they are: --chargers', { why }),
  });
  return {
    name: NAME,
    routes,
    // Who charges, and how much, is kept in this dialect's database, where a repeated message is known by its content
    // for as long as charge points repeat it.
    transactions: NO_MONEY,
    timeoutMs: TIMEOUT_MS,
    calls: { deadlineMs: 'own' },
    webSocket: {
      subprotocol: SUBPROTOCOL,
      isBinary: false,
      takesPathsBelow: true,
      ignoresOrigin: true,
      maxMessageBytes: MAX_MESSAGE_BYTES,
      pingMs: PING_MS,
      saysWhy: true,
    },
    screen: async () => ({ page: 'operator', source: await operatorScreen(central) }),
    close: () => {
      chargers?.close();
      return central.close();
    },
    begin: (host) => central.begin(host),
    admit: admission(chargers && (() => chargers.current())),
    converse: (host) =>
      host.identity === undefined
        ? new Stranger(host)
        : new CentralConversation(host, host.identity, central),
  };
}

async function operatorScreen(central: Central): Promise<ScreenSource> {
  const { OperatorScreen } = await import('./screen/model.ts');
  const screen = new OperatorScreen({
    isDatabaseAway: () => central.isDatabaseAway,
    call: (identity, action, payload, settle) => {
      const heard = ({ kind, text }: PeerAnswer) => {
        const { status, message } = JSON.parse(text.toString()) as {
          readonly status?: string;
          readonly message?: string;
        };
        settle(
          status ?? message ?? 'done',
          kind === 'result' && !['Rejected', 'UnlockFailed'].includes(status ?? ''),
        );
      };
      const peer = central.peerOf(identity);
      const asked = peer?.request(`"${METHOD_PREFIX}${action}"`, Buffer.from(payload), heard);
      if (asked !== 'sent') settle('the charge point is not connected', false);
    },
  });
  central.events = screen;
  await screen.load(central.database);
  return screen;
}

export function readPlace(settings: DialectSettings): DatabasePlace {
  const text = settings.text('database');
  if (text === undefined) {
    const place = defaultDatabase((name) => settings.environment(name));
    if (place !== undefined) return place;
    throw settings.fault(
      'database',
      'there is no home to keep it in; say where, for instance sqlite:/var/lib/ocpp.db',
    );
  }
  const place = parseDatabase(text);
  if (place !== undefined) return place;
  throw settings.fault('database', 'sqlite:PATH or postgres://USER@HOST/NAME is wanted');
}

function readCentral(settings: DialectSettings, chargers: ChargerFile | undefined): CentralSettings {
  const lenient = new Set((settings.text('lenient') ?? '').split(',').map((name) => name.trim()));
  const rules = readDataTransfer(settings.text('data-transfer') ?? '');
  if ('wrong' in rules) {
    throw settings.fault(
      'data-transfer',
      `"${rules.wrong}": VENDOR=CHANNEL is wanted, for instance com.example=payment`,
    );
  }
  const days = readWhole(settings, 'frames-keep', FRAMES_KEEP_DAYS, MAX_FRAMES_KEEP_DAYS);
  return {
    heartbeatS: readWhole(settings, 'heartbeat', HEARTBEAT_S, MAX_HEARTBEAT_S),
    registrationOf: (identity) => chargers?.chargers.get(identity)?.registration ?? 'Accepted',
    isLenient: (identity) => lenient.has(identity) || lenient.has('*'),
    usesSpool: settings.flag('spool'),
    framesKeepMs: days * DAY_MS,
    dataTransfer: rules,
  };
}

function readWhole(settings: DialectSettings, option: string, fallback: number, max: number): number {
  const text = settings.text(option);
  if (text === undefined) return fallback;
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > max)
    throw settings.fault(option, `"${text}" is no whole number from 1 to ${max}`);
  return number;
}

async function openChargerFile(settings: DialectSettings): Promise<ChargerFile | undefined> {
  const path = settings.text('chargers');
  if (path === undefined) return undefined;
  try {
    return await ChargerFile.open(path);
  } catch (fault) {
    throw settings.fault('chargers', `${path}: ${(fault as Error).message}`);
  }
}
