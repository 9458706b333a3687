import { type Json, type JsonObject, listAt, objectAt, textAt } from '../../rpc/json-tree.ts';
import type { ErrorCondition } from './conditions.ts';

export const SUCCESS: JsonObject = { Result: 'Success' };

/** `Response` of a service that has failed. `why` is for people and logs. */
export function failure(condition: ErrorCondition, why: string): JsonObject {
  return { Result: 'Failure', ErrorCondition: condition, AdditionalResponse: why };
}

/** The body of a response, with `Response` where this category has it. */
export function responseBody(category: string, request: JsonObject, Response: JsonObject): JsonObject {
  switch (category) {
    case 'Display':
      return {
        OutputResult: listAt(request, 'DisplayOutput').map((output) => outputResult(output, Response)),
      };
    case 'Input':
      return { InputResult: outputResult(objectAt(request, 'InputData'), Response) };
    case 'Print':
      return {
        DocumentQualifier: textAt(request, 'PrintOutput', 'DocumentQualifier') ?? 'Document',
        Response,
      };
    case 'Payment': {
      const SaleTransactionID = objectAt(request, 'SaleData', 'SaleTransactionID');
      return { Response, ...(SaleTransactionID !== undefined && { SaleData: { SaleTransactionID } }) };
    }
    default:
      return { Response };
  }
}

function outputResult(output: Json | undefined, Response: JsonObject): JsonObject {
  return { Device: textAt(output, 'Device'), InfoQualify: textAt(output, 'InfoQualify'), Response };
}
