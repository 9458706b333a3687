import { describe, expect, test } from 'vitest';
import { readSecret, readSites } from '../../../src/dialect/openfsc/sites.ts';
import { K1, K2 } from './kit.ts';

const read = (file: unknown) => readSites(JSON.stringify(file) ?? '');
const site = { siteAccessKey: K1, secretFile: '/run/secret' };

describe('a sites file', () => {
  test('of one site has few members', () => {
    expect(read({ sites: [site] })).toEqual({
      ok: true,
      sites: [
        {
          name: 's1',
          siteAccessKey: K1,
          secret: { file: '/run/secret' },
          priority: undefined,
          legacyPan: false,
        },
      ],
      charsets: ['UTF-8', 'WINDOWS-1252', 'ISO-8859-1'],
      transactionInfo: false,
      sessionMode: false,
      usesSessions: false,
    });
  });

  test('of several sites gives each a session', () => {
    const second = { siteAccessKey: K2, secretEnv: 'SECRET', session: 'Nord1', priority: 2, legacyPan: true };
    const result = read({ sites: [site, second], charsets: [], transactionInfo: true, sessionMode: true });
    expect(result).toMatchObject({
      ok: true,
      usesSessions: true,
      transactionInfo: true,
      sessionMode: true,
      charsets: [],
    });
    expect(result.ok && result.sites[1]).toEqual({
      name: 'Nord1',
      siteAccessKey: K2,
      secret: { variable: 'SECRET' },
      priority: 2,
      legacyPan: true,
    });
  });

  test('may name a site several times, each time with another priority: SESSIONMODE is announced then', () => {
    const result = read({
      sites: [
        { ...site, session: 'primary', priority: 1 },
        { ...site, siteAccessKey: K1.toUpperCase(), session: 'backup', priority: 2 },
      ],
    });
    expect(result).toMatchObject({ ok: true, usesSessions: true, sessionMode: true });
  });

  test.each([
    [undefined, 'is not JSON'],
    [[], 'the file wants to be an object'],
    [{}, '"sites" wants a list of 1 to 1000 sites'],
    [{ sites: [] }, '"sites" wants a list'],
    [{ sites: [1] }, 'sites[0] wants to be an object'],
    [{ sites: [{ ...site, siteAccessKey: 'x' }] }, 'sites[0] wants "siteAccessKey", a uuid'],
    [{ sites: [{ siteAccessKey: K1 }] }, 'sites[0] wants either "secretFile"'],
    [{ sites: [{ ...site, secretEnv: 'X' }] }, 'sites[0] wants either "secretFile"'],
    [{ sites: [{ ...site, secret: 'geheim' }] }, 'sites[0] has a member that is none of'],
    [{ sites: [{ ...site, session: '1a' }] }, 'sites[0]: "session" wants a letter'],
    [{ sites: [{ ...site, priority: 0 }] }, 'sites[0]: "priority" wants a number from 1'],
    [{ sites: [{ ...site, legacyPan: 1 }] }, 'sites[0]: "legacyPan" wants true or false'],
    [{ sites: [site, { ...site, session: 'b' }] }, 'sites[1] has the siteAccessKey of an earlier one'],
    [
      {
        sites: [
          { ...site, priority: 1 },
          { ...site, session: 'b' },
        ],
      },
      'give each of them another "priority"',
    ],
    [
      {
        sites: [
          { ...site, priority: 2 },
          { ...site, siteAccessKey: K1.toUpperCase(), session: 'b', priority: 2 },
        ],
      },
      'give each of them another "priority"',
    ],
    [
      { sites: [site, { ...site, siteAccessKey: K2, session: 's1' }] },
      'sites[1] has the session of an earlier one',
    ],
    [{ sites: [site], charsets: ['KOI8-R'] }, '"charsets" wants a list of UTF-8'],
    [{ sites: [site], more: 1 }, 'the file has a member that is none of'],
  ])('%j is refused', (file, why) => {
    const result = read(file);
    expect(result.ok ? '' : result.why).toContain(why);
    expect(JSON.stringify(result)).not.toContain('geheim');
  });

  test('that is no JSON is refused without quoting it', () => {
    expect(readSites('{"secret":"geheim"')).toEqual({ ok: false, why: 'is not JSON' });
  });
});

test('a secret is one word', () => {
  expect(readSecret(' abc\n')).toBe('abc');
  expect(readSecret('')).toBeUndefined();
  expect(readSecret('a b')).toBeUndefined();
  expect(readSecret('a\nb')).toBeUndefined();
});
