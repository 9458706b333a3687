import type { Endpoint } from '../endpoint/endpoint.ts';
import { PROXY_EXAMPLE, type ProxyRule, parseProxy, proxiesOf } from '../wire/proxy.ts';
import type { Settings } from './settings.ts';

/**
 * Which proxy leads to where: the one that was named, else those of the environment, of which the one to `place` is
 * looked at.
 */
export function readProxy(
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
  place: Endpoint,
): ProxyRule | undefined {
  const form = `the address of a proxy, such as ${PROXY_EXAMPLE}, or none`;
  const proxy = settings.read('http-proxy', form, (text) => (text === 'none' ? text : parseProxy(text)));
  if (proxy === 'none') return undefined;
  const rule: ProxyRule = proxy === undefined ? proxiesOf(env) : () => proxy;
  if ('url' in place) rule(place);
  return rule;
}
