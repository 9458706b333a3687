import { Bridge } from '../bridge/bridge.ts';
import { noteInherited, openFdWire } from '../wire/fd.ts';
import { connectWire } from '../wire/socket.ts';
import { chooseStdio, descriptorProbe, peerFromEnvironment } from '../wire/stdio.ts';
import type { Wire } from '../wire/wire.ts';
import { readEndpoint, resolveBridgeOptions } from './bridge-options.ts';
import { exitCodeOf } from './exit-codes.ts';
import { Program } from './program.ts';
import type { Settings } from './settings.ts';

/** `posbridge`: one connection, then exit. */
export async function runBridge(settings: Settings): Promise<number> {
  noteInherited();
  const options = await resolveBridgeOptions(settings);
  const program = await Program.start(settings, 'one');
  try {
    const bridge = await Bridge.open(
      await openWire(settings, program, options.protocol.maxFrameBytes),
      options,
      program.context,
    );
    program.onGauges(() => bridge.gauges);
    const ended = bridge.run();
    program.onStop(() => bridge.stop());
    return exitCodeOf(await ended);
  } finally {
    await program.end();
  }
}

async function openWire(settings: Settings, { context }: Program, maxMessageBytes: number): Promise<Wire> {
  const endpoint = readEndpoint(settings, 'wire', 'wire');
  if (endpoint === undefined) {
    const fds = chooseStdio(process.env, descriptorProbe);
    return openFdWire(fds, { clock: context.clock, peer: peerFromEnvironment(process.env) });
  }
  switch (endpoint.kind) {
    case 'fd':
      return openFdWire(endpoint, { clock: context.clock });
    case 'unix':
    case 'tcp':
      return connectWire(endpoint);
    case 'ws': {
      const { connectWs } = await import('../wire/ws.ts');
      return connectWs(endpoint, { maxMessageBytes });
    }
    default:
      throw settings.fault('wire', `${endpoint.text} cannot carry a wire`);
  }
}
