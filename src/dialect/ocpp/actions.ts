import type { ChannelName } from '../../base/channel-name.ts';

/**
 * How the central system handles a CALL of a charge point:
 *
 *   local    answered here
 *   asked    an application decides; nobody there: InternalError, so that the charge point caches no refusal
 *   kept     safe in the database first, then an application is asked; with a spool it may come later
 *   told     answered `{}` here, an application gets a notification
 *   vendor   goes where the table for DataTransfer says
 */
export type Handling = 'local' | 'asked' | 'kept' | 'told' | 'vendor';

export interface ActionRow {
  readonly profile:
    | 'Core'
    | 'FirmwareManagement'
    | 'LocalAuthListManagement'
    | 'Reservation'
    | 'SmartCharging'
    | 'RemoteTrigger'
    | 'Security';
  /** A charge point may send it. */
  readonly fromChargePoint?: { readonly handling: Handling; readonly channel: ChannelName };
  /** The central system may send it. */
  readonly fromCentralSystem?: true;
  /** CALLs of one charge point that are handled one after the other, in the order in which they came. */
  readonly isOrdered?: true;
  /** Overtakes what waits for the charge point. */
  readonly isUrgent?: true;
  /** Not allowed while the charge point is pending. */
  readonly needsAcceptance?: true;
}

const told = (channel: ChannelName) => ({ handling: 'told', channel }) as const;
const central = { fromCentralSystem: true } as const;

/** The 28 actions of OCPP 1.6 and the 11 of its security extension. */
export const ACTIONS = {
  Authorize: { profile: 'Core', fromChargePoint: { handling: 'asked', channel: 'payment' } },
  BootNotification: { profile: 'Core', fromChargePoint: { handling: 'local', channel: 'device' } },
  CancelReservation: { profile: 'Reservation', ...central },
  CertificateSigned: { profile: 'Security', ...central },
  ChangeAvailability: { profile: 'Core', ...central },
  ChangeConfiguration: { profile: 'Core', ...central },
  ClearCache: { profile: 'Core', ...central },
  ClearChargingProfile: { profile: 'SmartCharging', ...central },
  DataTransfer: { profile: 'Core', fromChargePoint: { handling: 'vendor', channel: 'device' }, ...central },
  DeleteCertificate: { profile: 'Security', ...central },
  DiagnosticsStatusNotification: { profile: 'FirmwareManagement', fromChargePoint: told('device') },
  ExtendedTriggerMessage: { profile: 'Security', ...central },
  FirmwareStatusNotification: { profile: 'FirmwareManagement', fromChargePoint: told('device') },
  GetCompositeSchedule: { profile: 'SmartCharging', ...central },
  GetConfiguration: { profile: 'Core', ...central },
  GetDiagnostics: { profile: 'FirmwareManagement', ...central },
  GetInstalledCertificateIds: { profile: 'Security', ...central },
  GetLocalListVersion: { profile: 'LocalAuthListManagement', ...central },
  GetLog: { profile: 'Security', ...central },
  Heartbeat: { profile: 'Core', fromChargePoint: { handling: 'local', channel: 'device' } },
  InstallCertificate: { profile: 'Security', ...central },
  LogStatusNotification: { profile: 'Security', fromChargePoint: told('device') },
  MeterValues: {
    profile: 'Core',
    fromChargePoint: { handling: 'kept', channel: 'storage' },
    isOrdered: true,
  },
  RemoteStartTransaction: { profile: 'Core', ...central, needsAcceptance: true },
  RemoteStopTransaction: { profile: 'Core', ...central, needsAcceptance: true, isUrgent: true },
  ReserveNow: { profile: 'Reservation', ...central },
  Reset: { profile: 'Core', ...central },
  SecurityEventNotification: {
    profile: 'Security',
    fromChargePoint: { handling: 'kept', channel: 'storage' },
    isOrdered: true,
  },
  SendLocalList: { profile: 'LocalAuthListManagement', ...central },
  SetChargingProfile: { profile: 'SmartCharging', ...central },
  SignCertificate: { profile: 'Security', fromChargePoint: { handling: 'asked', channel: 'device' } },
  SignedFirmwareStatusNotification: { profile: 'Security', fromChargePoint: told('device') },
  SignedUpdateFirmware: { profile: 'Security', ...central },
  StartTransaction: {
    profile: 'Core',
    fromChargePoint: { handling: 'kept', channel: 'payment' },
    isOrdered: true,
  },
  StatusNotification: { profile: 'Core', fromChargePoint: told('ui') },
  StopTransaction: {
    profile: 'Core',
    fromChargePoint: { handling: 'kept', channel: 'payment' },
    isOrdered: true,
  },
  TriggerMessage: { profile: 'RemoteTrigger', ...central },
  UnlockConnector: { profile: 'Core', ...central, isUrgent: true },
  UpdateFirmware: { profile: 'FirmwareManagement', ...central },
} as const satisfies Readonly<Record<string, ActionRow>>;

export type Action = keyof typeof ACTIONS;

export function isAction(name: string): name is Action {
  return Object.hasOwn(ACTIONS, name);
}

export function actionRow(action: Action): ActionRow {
  return ACTIONS[action];
}

/** What an application knows an action by. */
export const METHOD_PREFIX = 'ocpp.';

/** The action of a method `ocpp.<Action>` that the central system may send. */
export function centralAction(method: string): Action | undefined {
  if (!method.startsWith(METHOD_PREFIX)) return undefined;
  const name = method.slice(METHOD_PREFIX.length);
  return isAction(name) && actionRow(name).fromCentralSystem ? name : undefined;
}
