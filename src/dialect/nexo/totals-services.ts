import { type JsonObject, objectAt, textAt } from '../../rpc/json-tree.ts';
import { wordsOf } from './answer-text.ts';
import { conditionOf } from './conditions.ts';
import { failure, responseBody, SUCCESS } from './failures.ts';
import type { NexoMessage } from './message.ts';
import type { Served, ServiceContext } from './served.ts';
import { writeTotals } from './totals.ts';

/** What has been taken so far. The period goes on. */
export function getTotals({ header, body }: NexoMessage, _context: ServiceContext): Served {
  const { POIID, ...narrower } = objectAt(body, 'TotalFilter') ?? {};
  const isOther = POIID !== undefined && POIID !== header.POIID;
  if (isOther || Object.keys(narrower).length > 0) {
    const why = 'TotalFilter: totals are those of the whole terminal';
    return {
      kind: 'respond',
      body: responseBody('GetTotals', body, failure('UnavailableService', why)),
    };
  }
  return totals({ close: false, echoed: {}, period: (result) => result });
}

/** Undefined: a kind of reconciliation that the vocabulary has no word for. */
export function reconciliation({ body }: NexoMessage, _context: ServiceContext): Served | undefined {
  const type = textAt(body, 'ReconciliationType') ?? '';
  const echoed = { ReconciliationType: type };
  if (type === 'SaleReconciliation') return totals({ close: true, echoed, period: (result) => result });
  if (type !== 'PreviousReconciliation') return undefined;
  const wanted = textAt(body, 'POIReconciliationID');
  return totals({ close: false, echoed, period: (result) => previousOf(result, wanted) });
}

/** Only the period before is remembered. */
function previousOf(result: JsonObject, wanted: string | undefined): JsonObject | undefined {
  const last = objectAt(result, 'last_closed');
  const written = last && writeTotals(last);
  const isIt =
    wanted === undefined || (written?.ok === true && written.body['POIReconciliationID'] === wanted);
  return isIt ? last : undefined;
}

function totals(asked: {
  readonly close: boolean;
  /** What the response repeats of the request. */
  readonly echoed: JsonObject;
  /** Which period of the answer is told; undefined: it is not known. */
  readonly period: (result: JsonObject) => JsonObject | undefined;
}): Served {
  return {
    kind: 'ask',
    method: 'Totals',
    params: asked.close ? { close: true } : {},
    respond: (answer) => {
      if (answer.kind === 'error') {
        return { Response: failure(conditionOf(answer.code), wordsOf(answer)), ...asked.echoed };
      }
      const period = asked.period(answer.result);
      if (period === undefined) {
        return { Response: failure('NotFound', 'only the period before is known'), ...asked.echoed };
      }
      const written = writeTotals(period);
      if (!written.ok) return { unsayable: written.why };
      return { Response: SUCCESS, ...asked.echoed, ...written.body };
    },
  };
}
