import { readFile } from 'node:fs/promises';
import { describeFault } from '../../base/errors.ts';
import { textOfFile } from '../../base/text-file.ts';
import type { Dialect } from '../dialect.ts';
import type { DialectSettings } from '../row.ts';
import { SiteConversation } from './conversation.ts';
import { FIRST_RETRY_MS, REFUSED_RETRY_MS, RETRY_LIMIT_MS } from './logins.ts';
import { routes, transactions } from './routes.ts';
import type { SiteEnd } from './site-end.ts';
import { SiteMemory } from './site-memory.ts';
import { isSameSite, readSecret, readSites, type SecretPlace, type Site, type SitesFile } from './sites.ts';
import type { Push } from './updates.ts';

const NAME = 'openfsc';
/** The protocol's own limit for an application's answer. */
const TIMEOUT_MS = 10_000;

/**
 * OpenFSC 1.0, the site's end: forecourt and payment programs behind the channels, the payment platform on the wire.
 */
export async function setUp(settings: DialectSettings): Promise<Dialect> {
  return siteDialect(await readSiteEnd(settings));
}

/** The dialect for sites that are known. */
export function siteDialect(end: SiteEnd): Dialect {
  const memory = new SiteMemory();
  return {
    name: NAME,
    routes,
    transactions,
    identities: end.sites.map(({ name }) => name),
    timeoutMs: TIMEOUT_MS,
    reconnects: { firstMs: FIRST_RETRY_MS, limitMs: RETRY_LIMIT_MS, refusedMs: REFUSED_RETRY_MS },
    webSocket: { subprotocol: undefined, isBinary: true },
    ranked: (rank) => siteDialect(rankedEnd(end, rank)),
    converse: (host) => new SiteConversation(host, end, memory),
  };
}

/**
 * Every site's session with the priority that belongs to this wire: the best wire has the site's own. Of a site with
 * several sessions all of one wire come before those of the next.
 */
function rankedEnd(end: SiteEnd, rank: number): SiteEnd {
  const sites = end.sites.map((site) => {
    const own = end.sites.filter((other) => isSameSite(site, other)).map(({ priority = 1 }) => priority);
    const span = Math.max(...own) - Math.min(...own) + 1;
    return { ...site, priority: (site.priority ?? 1) + span * (rank - 1) };
  });
  return { ...end, sites, sessionMode: true, usesSessions: true };
}

/** Reads the sites file and the secrets that it names. Rejects with `DialectSettings.fault`. */
export async function readSiteEnd(settings: DialectSettings): Promise<SiteEnd> {
  const path = settings.text('sites');
  if (path === undefined) {
    throw settings.fault('sites', 'openfsc needs a file that names the sites; see docs/openfsc.md');
  }
  const bytes = await readFile(path).catch((fault) => {
    throw settings.fault('sites', `${path} cannot be read: ${describeFault(fault)}`);
  });
  const read = readSites(textOfFile(bytes));
  if (!read.ok) throw settings.fault('sites', `${path}: ${read.why}`);
  return {
    sites: await Promise.all(read.sites.map((site) => withSecret(site, settings))),
    usesSessions: read.usesSessions,
    charsets: read.charsets,
    push: readPush(settings),
    transactionInfo: read.transactionInfo,
    sessionMode: read.sessionMode,
  };
}

async function withSecret(site: SitesFile['sites'][number], settings: DialectSettings): Promise<Site> {
  const place = site.secret;
  const secret = readSecret(await secretText(place, settings));
  if (secret === undefined) {
    const where = 'file' in place ? place.file : `the variable ${place.variable}`;
    throw settings.fault('sites', `${where} holds no secret for ${site.name}: one word is wanted`);
  }
  return { ...site, secret };
}

async function secretText(place: SecretPlace, settings: DialectSettings): Promise<string> {
  if ('variable' in place) return settings.environment(place.variable) ?? '';
  const bytes = await readFile(place.file).catch((fault) => {
    throw settings.fault('sites', `the secret file ${place.file} cannot be read: ${describeFault(fault)}`);
  });
  return textOfFile(bytes);
}

function readPush(settings: DialectSettings): Push {
  const push = settings.text('push') ?? 'always';
  if (push === 'always' || push === 'subscribed') return push;
  throw settings.fault('push', 'always or subscribed is wanted');
}
