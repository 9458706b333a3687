import {
  type ApplicationStatus,
  type ConnectionStatus,
  MAX_LISTED,
  type RequestStatus,
  type TransactionStatus,
} from '../base/status.ts';
import type { Channels } from '../channel/channel.ts';
import type { OpenRequest, OpenTransaction } from './open-request.ts';
import type { OpenRequests } from './open-requests.ts';

export interface Observed
  extends Pick<ConnectionStatus, 'connection' | 'dialect' | 'peer' | 'since' | 'state' | 'lock'> {
  readonly register: string | undefined;
  readonly identity: string | undefined;
  readonly channels: Channels;
  readonly requests: OpenRequests;
  /** From the bridge's clock to the time of day. */
  readonly timeOf: (ms: number) => string;
}

/** Tells what a connection is doing. Nothing is kept for this: it is gathered when somebody asks. */
export function connectionStatus({
  register,
  identity,
  channels,
  requests,
  timeOf,
  ...known
}: Observed): ConnectionStatus {
  const listed = [...requests].slice(0, MAX_LISTED);
  return {
    ...known,
    ...(register !== undefined && { register }),
    ...(identity !== undefined && { identity }),
    open_requests: requests.size,
    requests: listed.map((open) => requestStatus(open, timeOf)),
    applications: applicationsOf(channels),
  };
}

function requestStatus(open: OpenRequest, timeOf: Observed['timeOf']): RequestStatus {
  const { method, begunMs, attachment, transaction } = open;
  return {
    method,
    since: timeOf(begunMs),
    ...(attachment !== undefined && { application: attachment.text }),
    ...(transaction !== undefined && { transaction: transactionStatus(open, transaction) }),
  };
}

function transactionStatus(
  { identity }: OpenRequest,
  { state, limit, entry }: OpenTransaction,
): TransactionStatus {
  const lookup = entry?.lookup;
  const sent = lookup !== undefined && 'sent' in lookup ? lookup.sent : undefined;
  return {
    state: state === 'handed-over' && limit !== undefined ? 'asking' : state,
    ...(identity !== undefined && { identity: identity.values }),
    ...(sent?.amount !== undefined && { amount: sent.amount }),
    ...(sent?.currency !== undefined && { currency: sent.currency }),
  };
}

function applicationsOf(channels: Channels): ApplicationStatus[] {
  const names = new Map<NonNullable<ReturnType<Channels['get']>>, string[]>();
  for (const [channel, attachment] of channels)
    names.set(attachment, [...(names.get(attachment) ?? []), channel]);
  return [...names].map(([{ text, endpoint, isThere, queuedBytes }, own]) => ({
    endpoint: text,
    channels: own,
    state: endpoint === undefined ? 'nobody' : isThere ? 'there' : 'missing',
    waiting_bytes: queuedBytes,
  }));
}
