import path from 'node:path';
import { readlink, realpath } from '../base/files.ts';
import type { Endpoint } from './endpoint.ts';

/** Symbolic links that follow each other; the kernel follows as many. */
const MAX_LINKS = 40;

/**
 * The place that an endpoint leads to, as a text that is the same however the endpoint is written: paths are absolute
 * and without symbolic links as far as they exist, hosts are in their usual form, `localhost` is 127.0.0.1. Names of
 * other machines are not looked up. Never rejects.
 */
export async function placeOf(endpoint: Endpoint): Promise<string> {
  switch (endpoint.kind) {
    case 'unix':
      return `unix:${endpoint.abstract ? `@${endpoint.path}` : await resolvePath(endpoint.path)}`;
    case 'fifo':
      return `fifo:${await resolvePath(endpoint.path)}`;
    case 'tcp':
      return `tcp:${usualHost(endpoint.host)}:${endpoint.port}`;
    case 'fd':
      return `fd:${endpoint.read},${endpoint.write}`;
    case 'serial':
      return endpoint.text.replace(/\?.*$/s, '');
    case 'nats':
      // Machines may name the servers of one cluster in different ways.
      return `nats:${endpoint.prefix}`;
    case 'terminal':
      return placeOf(endpoint.place);
    default:
      return endpoint.text;
  }
}

/** Like realpath(3), also where the end of the path is missing, or behind a link that leads nowhere yet. */
async function resolvePath(name: string, links = 0): Promise<string> {
  const real = await realpath(name).catch(() => undefined);
  if (real !== undefined) return real;
  const absolute = path.resolve(name);
  const above = path.dirname(absolute);
  if (above === absolute) return absolute;
  const folder = await resolvePath(above, links);
  const target = links < MAX_LINKS ? await readlink(absolute).catch(() => undefined) : undefined;
  if (target !== undefined) return resolvePath(path.resolve(folder, target), links + 1);
  return path.join(folder, path.basename(absolute));
}

function usualHost(host: string): string {
  const usual = hostIn(host.includes(':') ? `[${host}]` : host.replace(/\.$/, ''));
  return usual === 'localhost' ? '127.0.0.1' : usual;
}

/** As a URL has it: small letters, `127.1` in full, IPv6 compressed. */
function hostIn(host: string): string {
  try {
    return new URL(`http://${host}`).hostname || host;
  } catch {
    return host;
  }
}
