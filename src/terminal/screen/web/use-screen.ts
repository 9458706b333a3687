import { useEffect, useRef, useState } from 'preact/hooks';
import { Connection, type ConnectionState } from '../../../page/web/connection.ts';
import { type LoggedMessage, MAX_MESSAGES, type ScreenAction, type ScreenState } from '../../screen-model.ts';

export interface Screen {
  readonly connection: ConnectionState;
  /** The newest that is known; absent before the first update. */
  readonly state: ScreenState | undefined;
  /** Oldest first. */
  readonly messages: readonly LoggedMessage[];
  act(action: ScreenAction): void;
}

export function useScreen(): Screen {
  const [connection, setConnection] = useState<ConnectionState>('connecting');
  const [state, setState] = useState<ScreenState>();
  const [messages, setMessages] = useState<readonly LoggedMessage[]>([]);
  const line = useRef<Connection<ScreenState, LoggedMessage, ScreenAction> | null>(null);
  useEffect(() => {
    line.current = new Connection({
      state: setConnection,
      update(update, isFirst) {
        setState(update.state);
        if (isFirst) setMessages(update.messages);
        else if (update.messages.length > 0) {
          setMessages((known) => [...known, ...update.messages].slice(-MAX_MESSAGES));
        }
      },
    });
  }, []);
  return { connection, state, messages, act: (action) => line.current?.act(action) };
}
