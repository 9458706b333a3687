import type { Action } from '../actions.ts';
import type { Answer } from './charge-point-calls.ts';
import type { Connector } from './connector.ts';

/** What the calls are about. */
export interface CalledPoint {
  readonly connectors: readonly Connector[];
  readonly configuration: Map<string, string>;
  /** Undefined: one that is free. */
  connector(id: number | undefined): Connector | undefined;
  restart(reason: 'HardReset' | 'SoftReset'): void;
  boot(): Promise<void>;
  ask(action: Action, payload: () => object): Promise<Answer>;
}

interface Reaction {
  readonly answer: object;
  /** What it does behind its answer. */
  readonly after?: () => void;
}

type Payload = Readonly<Record<string, unknown>>;

const ACCEPTED = { answer: { status: 'Accepted' } };
const REJECTED = { answer: { status: 'Rejected' } };

/** What a simulated charge point answers to each call of a central system, and does then. */
export function answerTo(point: CalledPoint, action: Action, payload: Payload): Reaction {
  switch (action) {
    case 'RemoteStartTransaction':
      return remoteStart(point, payload);
    case 'RemoteStopTransaction':
      return remoteStop(point, payload);
    case 'UnlockConnector':
      return unlock(point, payload);
    case 'Reset':
      return {
        ...ACCEPTED,
        after: () => point.restart(payload['type'] === 'Hard' ? 'HardReset' : 'SoftReset'),
      };
    case 'ChangeAvailability':
      return changeAvailability(point, payload);
    case 'TriggerMessage':
    case 'ExtendedTriggerMessage':
      return trigger(point, payload);
    case 'GetConfiguration':
      return getConfiguration(point, payload);
    case 'ChangeConfiguration':
      return changeConfiguration(point, payload);
    case 'GetLocalListVersion':
      return { answer: { listVersion: 0 } };
    case 'GetDiagnostics':
      return { answer: {} };
    case 'UpdateFirmware':
      return {
        answer: {},
        after: () => void point.ask('FirmwareStatusNotification', () => ({ status: 'Downloading' })),
      };
    case 'DataTransfer':
      return { answer: { status: 'UnknownVendorId' } };
    case 'ClearChargingProfile':
      return { answer: { status: 'Unknown' } };
    case 'DeleteCertificate':
    case 'GetInstalledCertificateIds':
      return { answer: { status: 'NotFound' } };
    case 'CancelReservation':
    case 'CertificateSigned':
    case 'GetCompositeSchedule':
    case 'GetLog':
    case 'InstallCertificate':
    case 'SignedUpdateFirmware':
      return REJECTED;
    default:
      return ACCEPTED;
  }
}

function remoteStart(point: CalledPoint, { connectorId, idTag }: Payload): Reaction {
  const connector = point.connector(connectorId as number | undefined);
  if (connector?.isFree !== true) return REJECTED;
  return { ...ACCEPTED, after: () => void connector.begin(String(idTag)) };
}

function remoteStop(point: CalledPoint, { transactionId }: Payload): Reaction {
  const connector = point.connectors.find((one) => one.transactionId === transactionId);
  return connector === undefined ? REJECTED : { ...ACCEPTED, after: () => void connector.finish('Remote') };
}

function unlock(point: CalledPoint, { connectorId }: Payload): Reaction {
  const connector = point.connector(connectorId as number);
  if (connector === undefined) return { answer: { status: 'NotSupported' } };
  return { answer: { status: 'Unlocked' }, after: () => void connector.finish('UnlockCommand') };
}

function changeAvailability(point: CalledPoint, { connectorId, type }: Payload): Reaction {
  const isWhole = connectorId === 0;
  const connectors = isWhole ? point.connectors : point.connectors.filter(({ id }) => id === connectorId);
  if (connectors.length === 0) return REJECTED;
  const isBusy =
    type === 'Inoperative' && connectors.some(({ transactionId }) => transactionId !== undefined);
  return {
    answer: { status: isBusy ? 'Scheduled' : 'Accepted' },
    after: () => {
      for (const connector of connectors) {
        connector.isOperative = type === 'Operative';
        connector.tell();
      }
    },
  };
}

function trigger(point: CalledPoint, { requestedMessage, connectorId }: Payload): Reaction {
  const connectors = point.connectors.filter(({ id }) => connectorId === undefined || id === connectorId);
  switch (requestedMessage) {
    case 'StatusNotification':
      return { ...ACCEPTED, after: () => connectors.forEach((connector) => void connector.tell()) };
    case 'MeterValues':
      return { ...ACCEPTED, after: () => connectors.forEach((connector) => void connector.sample()) };
    case 'Heartbeat':
      return { ...ACCEPTED, after: () => void point.ask('Heartbeat', () => ({})) };
    case 'BootNotification':
      return { ...ACCEPTED, after: () => void point.boot() };
    case 'DiagnosticsStatusNotification':
      return {
        ...ACCEPTED,
        after: () => void point.ask('DiagnosticsStatusNotification', () => ({ status: 'Idle' })),
      };
    case 'FirmwareStatusNotification':
      return {
        ...ACCEPTED,
        after: () => void point.ask('FirmwareStatusNotification', () => ({ status: 'Idle' })),
      };
    default:
      return { answer: { status: 'NotImplemented' } };
  }
}

function getConfiguration({ configuration }: CalledPoint, { key }: Payload): Reaction {
  const wanted = (key as readonly string[] | undefined) ?? [...configuration.keys()];
  const known = wanted.filter((name) => configuration.has(name));
  return {
    answer: {
      configurationKey: known.map((name) => ({
        key: name,
        readonly: name === 'NumberOfConnectors' || name === 'SupportedFeatureProfiles',
        value: configuration.get(name),
      })),
      unknownKey: wanted.filter((name) => !configuration.has(name)),
    },
  };
}

function changeConfiguration({ configuration }: CalledPoint, { key, value }: Payload): Reaction {
  if (!configuration.has(String(key))) return { answer: { status: 'NotSupported' } };
  configuration.set(String(key), String(value));
  return ACCEPTED;
}
