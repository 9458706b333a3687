import { CHARSETS, type Charset, isCharset } from './charset.ts';
import { fitsArgument } from './methods.ts';

/** A fuel station, and how it logs in. */
export interface Site {
  /** Its name on the channels and, where sessions are used, its session id. */
  readonly name: string;
  readonly siteAccessKey: string;
  readonly secret: string;
  /** 1 is the highest; undefined: the server numbers its sessions in the order of login. */
  readonly priority: number | undefined;
  /** PAN, discontinued, is taken as transaction information instead of being refused. */
  readonly legacyPan: boolean;
}

/** What the file of `--sites` says. */
export interface SitesFile {
  readonly sites: readonly (Omit<Site, 'secret'> & { readonly secret: SecretPlace })[];
  /** Charsets to ask for, best first; none: ASCII. */
  readonly charsets: readonly Charset[];
  /** Announce TRANSACTIONINFO: it takes an agreement with the platform. */
  readonly transactionInfo: boolean;
  /** Announce SESSIONMODE: where the file says so, or a site has several sessions. */
  readonly sessionMode: boolean;
  /** Give the site a session of its own even if it is the only one. */
  readonly usesSessions: boolean;
}

export type SecretPlace = { readonly file: string } | { readonly variable: string };

export type ReadSites = ({ readonly ok: true } & SitesFile) | { readonly ok: false; readonly why: string };

/**
 * Reads the text of a sites file.
 *
 * Shape:  `{"sites":[{"siteAccessKey":UUID,"secretFile":PATH|"secretEnv":NAME,"session"?,"priority"?,"legacyPan"?}],
 *         "charsets"?:[…],"transactionInfo"?:true,"sessionMode"?:true}`; anything else is refused
 * Limits: 1 to MAX_SITES sites; session ids `[A-Za-z][A-Za-z0-9]{0,15}`, each once; without one they are s1, s2, …; a
 * site
 *         may stand there several times, each time with another priority
 * Errors: one sentence that says where and what is wanted; it quotes no secret
 */
export function readSites(text: string): ReadSites {
  try {
    return { ok: true, ...sitesOf(JSON.parse(text)) };
  } catch (fault) {
    if (fault instanceof Misfit) return { ok: false, why: fault.message };
    return { ok: false, why: 'is not JSON' };
  }
}

type Ranked = Pick<Site, 'siteAccessKey' | 'priority'>;

export function isSameSite(one: Ranked, other: Ranked): boolean {
  return one.siteAccessKey.toLowerCase() === other.siteAccessKey.toLowerCase();
}

/** Each site once, with its best priority. */
export function oneOfEach<T extends Ranked>(sites: readonly T[]): T[] {
  const rank = ({ priority = 1 }: Ranked) => priority;
  return sites.filter((site, index) =>
    sites.every(
      (other, at) =>
        at === index ||
        !isSameSite(site, other) ||
        rank(site) < rank(other) ||
        (rank(site) === rank(other) && index < at),
    ),
  );
}

/** Secrets are one line; what surrounds it is not part of it. */
export function readSecret(text: string): string | undefined {
  const secret = text.trim();
  return fitsArgument('token', secret) ? secret : undefined;
}

const MAX_SITES = 1000;
const MAX_PRIORITY = 1_000_000;
const FILE_MEMBERS = ['sites', 'charsets', 'transactionInfo', 'sessionMode'];
const SITE_MEMBERS = ['siteAccessKey', 'secretFile', 'secretEnv', 'session', 'priority', 'legacyPan'];
const SESSION_ID = /^[A-Za-z][A-Za-z0-9]{0,15}$/;

class Misfit extends Error {}

function sitesOf(value: unknown): SitesFile {
  const file = objectOf(value, 'the file', FILE_MEMBERS);
  const { sites: list, charsets = CHARSETS } = file;
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_SITES) {
    throw new Misfit(`"sites" wants a list of 1 to ${MAX_SITES} sites`);
  }
  const sites = list.map(siteOf);
  for (const [index, site] of sites.entries()) refuseTwins(site, sites.slice(0, index), `sites[${index}]`);
  if (!Array.isArray(charsets) || !charsets.every((name) => typeof name === 'string' && isCharset(name))) {
    throw new Misfit(`"charsets" wants a list of ${CHARSETS.join(', ')}`);
  }
  return {
    sites,
    charsets: charsets as readonly Charset[],
    transactionInfo: flagOf(file, 'transactionInfo', '"transactionInfo"'),
    // With two sessions of one site it has to be known which of them the server listens to.
    sessionMode: flagOf(file, 'sessionMode', '"sessionMode"') || oneOfEach(sites).length < sites.length,
    usesSessions: sites.length > 1 || list.some((site: object) => 'session' in site || 'priority' in site),
  };
}

/** Several sessions of one site are for failover: the server has to know which of them comes first. */
function refuseTwins(site: SitesFile['sites'][number], earlier: SitesFile['sites'], where: string): void {
  if (earlier.some(({ name }) => name === site.name)) {
    throw new Misfit(`${where} has the session of an earlier one`);
  }
  const twins = earlier.filter((other) => isSameSite(site, other));
  if (twins.length === 0) return;
  const isRanked = [site, ...twins].every(({ priority }) => priority !== undefined);
  if (!isRanked || twins.some(({ priority }) => priority === site.priority)) {
    throw new Misfit(
      `${where} has the siteAccessKey of an earlier one: give each of them another "priority", or take one away`,
    );
  }
}

function siteOf(value: unknown, index: number): SitesFile['sites'][number] {
  const where = `sites[${index}]`;
  const site = objectOf(value, where, SITE_MEMBERS);
  const { siteAccessKey, secretFile, secretEnv, session = `s${index + 1}`, priority } = site;
  if (typeof siteAccessKey !== 'string' || !fitsArgument('uuid', siteAccessKey)) {
    throw new Misfit(`${where} wants "siteAccessKey", a uuid`);
  }
  if (typeof session !== 'string' || !SESSION_ID.test(session)) {
    throw new Misfit(`${where}: "session" wants a letter and up to 15 letters and digits`);
  }
  const isPriority = typeof priority === 'number' && Number.isInteger(priority);
  if (priority !== undefined && !(isPriority && priority >= 1 && priority <= MAX_PRIORITY)) {
    throw new Misfit(`${where}: "priority" wants a number from 1, the highest, on`);
  }
  const legacyPan = flagOf(site, 'legacyPan', `${where}: "legacyPan"`);
  const secret = secretOf(secretFile, secretEnv, where);
  return { name: session, siteAccessKey, secret, priority: isPriority ? priority : undefined, legacyPan };
}

function secretOf(file: unknown, variable: unknown, where: string): SecretPlace {
  if (typeof file === 'string' && file !== '' && variable === undefined) return { file };
  if (typeof variable === 'string' && variable !== '' && file === undefined) return { variable };
  throw new Misfit(`${where} wants either "secretFile", a path, or "secretEnv", the name of a variable`);
}

function flagOf(object: Readonly<Record<string, unknown>>, name: string, where: string): boolean {
  const { [name]: flag = false } = object;
  if (typeof flag !== 'boolean') throw new Misfit(`${where} wants true or false`);
  return flag;
}

function objectOf(
  value: unknown,
  where: string,
  members: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Misfit(`${where} wants to be an object with ${members.join(', ')}`);
  }
  const strange = Object.keys(value).findIndex((name) => !members.includes(name));
  if (strange !== -1) {
    // The name is not quoted: it may be a secret in the wrong place.
    throw new Misfit(`${where} has a member that is none of ${members.join(', ')}`);
  }
  return value as Readonly<Record<string, unknown>>;
}
