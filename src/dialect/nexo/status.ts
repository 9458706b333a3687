import { type JsonObject, memberAt, textAt } from '../../rpc/json-tree.ts';
import { SUCCESS } from './failures.ts';
import type { Vendor } from './vendors.ts';

/** A result of Status as `POIStatus`. */
export function poiStatus(status: JsonObject): JsonObject {
  const connected = memberAt(status, 'psp_connection_available');
  return {
    GlobalStatus: globalStatus(status),
    ...(typeof connected === 'boolean' && { CommunicationOKFlag: connected }),
  };
}

function globalStatus(status: JsonObject): string {
  if (textAt(status, 'transaction_status') !== undefined) return 'Busy';
  if (memberAt(status, 'ready_for_transaction') === true) return 'OK';
  return textAt(status, 'update_status') === undefined ? 'Busy' : 'Maintenance';
}

/** `POIStatus` as a result of Status. */
export function statusOf(response: JsonObject): JsonObject {
  const global = textAt(response, 'POIStatus', 'GlobalStatus');
  const hosts = memberAt(response, 'HostStatus');
  const reachable = Array.isArray(hosts)
    ? hosts.some((host) => memberAt(host, 'IsReachableFlag') === true)
    : memberAt(response, 'POIStatus', 'CommunicationOKFlag');
  return {
    ready_for_transaction: global === 'OK',
    ...(global === 'Busy' && { transaction_status: 'PROCESSING' }),
    ...(global === 'Maintenance' && { update_status: 'MAINTENANCE' }),
    ...(typeof reachable === 'boolean' && { psp_connection_available: reachable }),
  };
}

/** A result of TerminalInfo as a `LoginResponse`. */
export function loginBody(info: JsonObject, DateTime: string, { maker }: Vendor): JsonObject {
  return {
    Response: SUCCESS,
    POISystemData: {
      DateTime,
      POISoftware: {
        [maker]: 'posbridge',
        ApplicationName: 'posbridge',
        SoftwareVersion: textAt(info, 'version') ?? '0.0.0',
      },
      POITerminalData: {
        TerminalEnvironment: 'Attended',
        POICapabilities: [],
        POISerialNumber: textAt(info, 'serial_number'),
      },
    },
  };
}

/** Events that the terminal's state changes to, from one StatusEvent to the next. */
export function eventsOf(before: JsonObject | undefined, after: JsonObject): readonly string[] {
  const events: string[] = [];
  const wasIn = memberAt(before, 'chip_card_in') === true;
  const isIn = memberAt(after, 'chip_card_in');
  if (isIn === true && !wasIn) events.push('CardInserted');
  if (isIn === false && wasIn) events.push('CardRemoved');
  const wasUpdating = textAt(before, 'update_status') !== undefined;
  const isUpdating = textAt(after, 'update_status') !== undefined;
  if (isUpdating && !wasUpdating) events.push('BeginMaintenance');
  if (!isUpdating && wasUpdating) events.push('EndMaintenance');
  return events;
}
