import { type JsonObject, textAt } from '../../rpc/json-tree.ts';
import type { MessageHeader } from './header.ts';
import type { Vendor } from './vendors.ts';

/** What an application may ask a register's devices for: the method, and nexo's category. */
export const DEVICE_METHODS: ReadonlyMap<string, string> = new Map(
  ['Display', 'Input', 'Print', 'Sound'].map((category) => [`nexo.${category}`, category]),
);

/** The header of a request to the register's devices: it carries the ServiceID of the register's last service. */
export function deviceHeader(
  category: string,
  DeviceID: string,
  { raw, ServiceID, SaleID, POIID }: MessageHeader,
): JsonObject {
  return {
    ...(raw['ProtocolVersion'] !== undefined && { ProtocolVersion: raw['ProtocolVersion'] }),
    MessageClass: 'Device',
    MessageCategory: category,
    MessageType: 'Request',
    ServiceID,
    DeviceID,
    SaleID,
    POIID,
  };
}

/** A text for the cashier. No answer is wanted. */
export function displayOf(message: string, { hasDisplayArray }: Vendor): JsonObject {
  const output = {
    Device: 'CashierDisplay',
    InfoQualify: 'Status',
    ResponseRequiredFlag: false,
    OutputContent: { OutputFormat: 'Text', OutputText: message.split('\n').map((Text) => ({ Text })) },
  };
  return { DisplayOutput: hasDisplayArray ? [output] : output };
}

/** Whether a response is to this request of ours. */
export function isAnswerTo(response: MessageHeader, request: JsonObject): boolean {
  const echoed = ['MessageCategory', 'ServiceID', 'DeviceID', 'SaleID', 'POIID'] as const;
  return echoed.every((name) => response[name] === textAt(request, name));
}

/** The header of an Event. It names the service that it is about, where there is one. */
export function eventHeader(
  about: MessageHeader | undefined,
  own: { readonly vendor: Vendor; readonly POIID: string | undefined; readonly ServiceID: string },
): JsonObject {
  return {
    ...(own.vendor.versionIn === 'all' && { ProtocolVersion: own.vendor.version }),
    MessageClass: 'Event',
    MessageCategory: 'Event',
    MessageType: 'Notification',
    ServiceID: about?.ServiceID ?? own.ServiceID,
    DeviceID: about?.DeviceID,
    SaleID: about?.SaleID ?? 'unknown',
    POIID: own.POIID ?? about?.POIID ?? 'unknown',
  };
}
