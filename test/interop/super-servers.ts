import type { StdioOptions } from 'node:child_process';
import type { Place } from '../kit/application.ts';
import { freePort, type Running, type TextLog, type Workbench } from './kit.ts';

/** A program that starts another one for every connection, as it stands in the machine's package. */
export interface SuperServer {
  readonly name: string;
  /** What a bridge calls a peer that comes through it. */
  readonly peer: string;
  start(bench: Workbench, program: readonly string[]): Promise<Listening>;
}

export interface Listening {
  readonly server: Running;
  readonly place: Place;
  /** Statuses of the programs that have ended, when there are `count`. */
  ends(count: number): Promise<number[]>;
}

const HOST = '127.0.0.1';
const CONNECTIONS = '40';

export const TCPSERVER: SuperServer = {
  name: 'tcpserver',
  peer: HOST,
  async start(bench, program) {
    const options = ['-v', '-1', '-RHl0', '-c', CONNECTIONS];
    const server = bench.start('tcpserver', [...options, HOST, '0', ...program], { stdio: LOGGED });
    const [, port] = await server.stdout.waitFor(/^(\d+)\n/);
    const place = { host: HOST, port: Number(port) };
    const { ends, ...rest } = listening(server, place, server.stderr, /end \d+ status (\d+)/g);
    return { ...rest, ends: async (count) => (await ends(count)).map(exitStatusOf) };
  },
};

export const SUPER_SERVERS: readonly SuperServer[] = [
  TCPSERVER,
  {
    name: 'tcpsvd',
    peer: HOST,
    async start(bench, program) {
      const port = await freePort();
      const options = ['-v', '-l', '0', '-c', CONNECTIONS];
      const server = bench.start('tcpsvd', [...options, HOST, String(port), ...program], { stdio: LOGGED });
      await server.stdout.waitFor('listening on');
      return listening(server, { host: HOST, port }, server.stdout, /end \d+ exit (\d+)/g);
    },
  },
  {
    name: 's6-ipcserver',
    peer: 'unix',
    async start(bench, program) {
      const path = bench.path('register.sock');
      const options = ['-v', '-1', '-c', CONNECTIONS];
      const server = bench.start('s6-ipcserver', [...options, path, ...program], { stdio: LOGGED });
      await server.stdout.waitFor('\n');
      return listening(server, { path }, server.stderr, /end pid \d+ uid \d+ exitcode (\d+)/g);
    },
  },
];

/** tcpserver prints what `wait` says: the status above eight bits, or a signal. */
function exitStatusOf(waited: number): number {
  return waited % 256 === 0 ? waited / 256 : -waited;
}

const LOGGED: StdioOptions = ['ignore', 'pipe', 'pipe'];

function listening(server: Running, place: Place, log: TextLog | undefined, end: RegExp): Listening {
  return {
    server,
    place,
    ends: async (count) => {
      const matches = await log?.waitForAll(end, count);
      return (matches ?? []).map(([, status]) => Number(status));
    },
  };
}
