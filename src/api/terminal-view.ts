import { maskText } from '../base/mask.ts';
import type { KeeperState } from '../pos/keeper.ts';
import type { Status, TerminalInfo } from '../pos/status.ts';
import type { Kind, RunningView, TerminalState, TerminalView } from './shown.ts';

export interface TerminalFacts {
  readonly name: string;
  readonly place: string;
  readonly protocol: string;
  readonly connection: KeeperState;
  readonly status: Status | undefined;
  readonly info: TerminalInfo | undefined;
  readonly running: { readonly id: string; readonly kind: Kind; readonly since: string } | undefined;
}

export function terminalView({
  name,
  place,
  protocol,
  status,
  info,
  running,
  connection,
}: TerminalFacts): TerminalView {
  const isConnected = connection === 'connected';
  return {
    name,
    state: stateOf({ isConnected, isBusy: running !== undefined, isReady: status?.readyForTransaction }),
    protocol,
    place,
    version: textOrNull(info?.version),
    serialNumber: textOrNull(info?.serialNumber),
    location: textOrNull(info?.salesLocationName),
    activity: textOrNull(status?.transactionStatus),
    isConnected,
    isOnline: status?.pspConnectionAvailable ?? null,
    sale: running === undefined ? null : runningView(running),
  };
}

export function runningView({ id, kind, since }: NonNullable<TerminalFacts['running']>): RunningView {
  return { id: id === '' ? null : id, kind, since };
}

interface Facts {
  readonly isConnected: boolean;
  readonly isBusy: boolean;
  readonly isReady: boolean | undefined;
}

function stateOf({ isConnected, isBusy, isReady }: Facts): TerminalState {
  if (isBusy) return 'busy';
  if (!isConnected) return 'not-connected';
  return isReady === false ? 'not-ready' : 'ready';
}

function textOrNull(text: string | undefined): string | null {
  return text === undefined ? null : maskText(text);
}
