import { useEffect, useMemo, useState } from 'preact/hooks';
import { Client, Refused, type Sale, type TerminalView } from './client.ts';

export type Connection = 'connecting' | 'open' | 'lost' | 'refused';

export interface Service {
  readonly client: Client;
  readonly connection: Connection;
  /** Newest first. */
  readonly sales: readonly Sale[];
  readonly terminals: readonly TerminalView[];
  /** What a terminal said to the cashier last, by its name. */
  readonly messages: ReadonlyMap<string, string>;
  signIn(token: string): void;
}

const RETRY_MS = 1500;
const MAX_SALES = 200;

/** What the service says, kept up to date by its events. */
export function useService(): Service {
  const client = useMemo(() => new Client(), []);
  const [attempt, setAttempt] = useState(0);
  const [connection, setConnection] = useState<Connection>('connecting');
  const [sales, setSales] = useState<readonly Sale[]>([]);
  const [terminals, setTerminals] = useState<readonly TerminalView[]>([]);
  const [messages, setMessages] = useState<ReadonlyMap<string, string>>(new Map());
  useEffect(() => {
    const over = new AbortController();
    const apply = (kind: string, data: string) => {
      if (kind === 'sale') setSales((known) => withSale(known, JSON.parse(data) as Sale));
      else if (kind === 'status')
        setTerminals((known) => withTerminal(known, JSON.parse(data) as TerminalView));
      else if (kind === 'message') {
        const { terminal, text } = JSON.parse(data) as { readonly terminal: string; readonly text: string };
        setMessages((known) => new Map(known).set(terminal, text));
      }
    };
    const listen = async () => {
      let lastId: string | undefined;
      for (const event of await first(client)) apply(event.kind, event.data);
      setTerminals(await client.terminals());
      for await (const { id, kind, data } of client.events(lastId, over.signal)) {
        setConnection('open');
        if (id !== '') lastId = id;
        if (kind !== '') apply(kind, data);
      }
    };
    const keep = async () => {
      while (!over.signal.aborted) {
        try {
          await listen();
        } catch (fault) {
          if (over.signal.aborted) return;
          if (fault instanceof Refused && REFUSALS.has(fault.code)) {
            setConnection('refused');
            return;
          }
        }
        setConnection('lost');
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    };
    void keep();
    return () => over.abort();
  }, [attempt]);
  return {
    client,
    connection,
    sales,
    terminals,
    messages,
    signIn(token) {
      client.token = token;
      setConnection('connecting');
      setAttempt(attempt + 1);
    },
  };
}

const REFUSALS: ReadonlySet<string> = new Set(['TOKEN_MISSING', 'TOKEN_UNKNOWN', 'NOT_ALLOWED']);

/** What there is before the first event: the newest sales, and all that wait for a person. */
async function first(client: Client): Promise<readonly { readonly kind: string; readonly data: string }[]> {
  const sales = [...(await client.unknownSales()), ...(await client.sales())];
  return sales.map((sale) => ({ kind: 'sale', data: JSON.stringify(sale) }));
}

function withSale(known: readonly Sale[], sale: Sale): readonly Sale[] {
  const others = known.filter(({ id }) => id !== sale.id);
  const all = [sale, ...others].sort((one, other) => (one.createdAt < other.createdAt ? 1 : -1));
  return all.filter(({ state }, at) => at < MAX_SALES || state === 'unknown' || state === 'pending');
}

function withTerminal(known: readonly TerminalView[], terminal: TerminalView): readonly TerminalView[] {
  const isKnown = known.some(({ name }) => name === terminal.name);
  return isKnown ? known.map((one) => (one.name === terminal.name ? terminal : one)) : [...known, terminal];
}
