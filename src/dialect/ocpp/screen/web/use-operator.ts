import { useEffect, useRef, useState } from 'preact/hooks';
import { Connection, type ConnectionState } from '../../../../page/web/connection.ts';
import { MAX_FRAMES, type OperatorAction, type OperatorState, type ShownFrame } from '../protocol.ts';

export interface Operator {
  readonly connection: ConnectionState;
  readonly state: OperatorState | undefined;
  /** Oldest first. */
  readonly frames: readonly ShownFrame[];
  act(action: OperatorAction): void;
}

export function useOperator(): Operator {
  const [connection, setConnection] = useState<ConnectionState>('connecting');
  const [state, setState] = useState<OperatorState>();
  const [frames, setFrames] = useState<readonly ShownFrame[]>([]);
  const line = useRef<Connection<OperatorState, ShownFrame, OperatorAction> | null>(null);
  useEffect(() => {
    line.current = new Connection({
      state: setConnection,
      update(update, isFirst) {
        setState(update.state);
        if (isFirst) setFrames(update.messages);
        else if (update.messages.length > 0)
          setFrames((known) => [...known, ...update.messages].slice(-MAX_FRAMES));
      },
    });
  }, []);
  return { connection, state, frames, act: (action) => line.current?.act(action) };
}
