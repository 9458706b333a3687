import { writeFileSync } from 'node:fs';
import { nkeys } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Certificates } from '../kit/certificates.ts';
import { NatsServers } from '../kit/nats.ts';
import { exitedWith, type Running, Workbench } from './kit.ts';

/** How a bridge signs in at real servers: by files. */

let bench: Workbench;
/** It wants TLS with a certificate of ours, and knows a user with a password and one with a key. */
let closed: NatsServers;
/** It knows whom the account has signed. */
let signed: NatsServers;

const { createAccount, createOperator, createUser } = nkeys;
type KeyPair = ReturnType<typeof createUser>;

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

/** A token as `nsc` writes it. */
function token(subject: KeyPair, by: KeyPair, name: string, nats: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iss = by.getPublicKey();
  const sub = subject.getPublicKey();
  const claims = { jti: name, iat: 1_700_000_000, iss, sub, name, nats: { ...nats, version: 2 } };
  const head = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`;
  return `${head}.${Buffer.from(by.sign(Buffer.from(head))).toString('base64url')}`;
}

const ANYTHING = { subs: -1, data: -1, payload: -1 };

function userToken(account: KeyPair, user: KeyPair): string {
  return token(user, account, 'user', { ...ANYTHING, pub: {}, sub: {}, type: 'user' });
}

function credentials(jwt: string, user: KeyPair): string {
  const block = (what: string, value: string) =>
    `-----BEGIN ${what}-----\n${value}\n------END ${what}------\n`;
  return block('NATS USER JWT', jwt) + block('USER NKEY SEED', text(user.getSeed()));
}

const file = (name: string, content: string): string => {
  writeFileSync(bench.path(name), content);
  return bench.path(name);
};

beforeAll(async () => {
  bench = await Workbench.open();
  const certificates = new Certificates(bench.folder);
  certificates.root('root');
  certificates.signed('server', 'root', 'subjectAltName=IP:127.0.0.1');
  certificates.signed('client', 'root', 'subjectAltName=DNS:till');
  const [cert, key, ca] = [certificates.pem('server'), certificates.key('server'), certificates.pem('root')];
  const user = createUser();
  file('user.nk', text(user.getSeed()));
  file('stranger.nk', text(createUser().getSeed()));
  file('user.password', 'till:secret-word');
  file('wrong.password', 'till:another-word');
  const users = `{user: till, password: "secret-word"}, {nkey: ${user.getPublicKey()}}`;
  const operator = createOperator();
  const [system, account, other] = [createAccount(), createAccount(), createAccount()];
  const limits = { ...ANYTHING, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const accountToken = (one: KeyPair) => token(one, operator, 'account', { limits, type: 'account' });
  file('user.creds', credentials(userToken(account, user), user));
  file('stranger.creds', credentials(userToken(other, user), user));
  file('user.odd', 'neither this nor that');
  [closed, signed] = await Promise.all([
    NatsServers.start(1, [
      `tls { cert_file: "${cert}", key_file: "${key}", ca_file: "${ca}", verify: true }`,
      `authorization { users: [${users}] }`,
    ]),
    NatsServers.start(1, [
      `operator: ${token(operator, operator, 'operator', { type: 'operator' })}`,
      'resolver: MEMORY',
      `system_account: ${system.getPublicKey()}`,
      `resolver_preload: { ${[system, account].map((one) => `${one.getPublicKey()}: ${accountToken(one)}`)} }`,
    ]),
  ]);
});

afterAll(async () => {
  await bench.close();
  await Promise.all([closed.stop(), signed.stop()]);
});

const tls = () => {
  const certificates = new Certificates(bench.folder);
  const own = ['--nats-cert', certificates.pem('client'), '--nats-key', certificates.key('client')];
  return ['--nats-ca', certificates.pem('root'), ...own];
};

const linesOf = (running: Running) => running.errors.trimEnd().split('\n');

/** What a register hears that asks where no application is, and what the log says. */
async function heardBy(servers: NatsServers, args: readonly string[]) {
  const bridge = bench.startBridge(['--app', servers.endpoint('shop'), ...args]);
  const register = bridge.register();
  const { error } = await register.request('Status', {});
  register.end();
  expect(await bridge.exited).toEqual(exitedWith(0));
  return {
    details: error?.data.details,
    warnings: linesOf(bridge).filter((line) => /^(warn|error) /.test(line)),
  };
}

const signedIn = { details: 'no application listens on NATS for this method', warnings: [] };

describe('a bridge signs in', () => {
  test.each(['user.nk', 'user.password'])('over TLS, with a certificate of its own and %s', async (name) => {
    expect(await heardBy(closed, [...tls(), '--nats-creds', bench.path(name)])).toEqual(signedIn);
  });

  test('with credentials that the account of the servers has signed', async () => {
    expect(await heardBy(signed, ['--nats-creds', bench.path('user.creds')])).toEqual(signedIn);
  });
});

describe('wrong credentials are said in one line', () => {
  test.each([
    ['a strange key', 'stranger.nk', 'Authorization Violation'],
    ['a wrong password', 'wrong.password', 'Authorization Violation'],
    ['no such file', 'nowhere', 'nowhere cannot be read: no such file'],
    ['neither of all', 'user.odd', 'has neither NATS credentials, nor an NKey seed, nor USER:PASSWORD'],
  ])('%s', async (_what, name, why) => {
    const { details, warnings } = await heardBy(closed, [...tls(), '--nats-creds', bench.path(name)]);
    expect(details).not.toBe(signedIn.details);
    expect(warnings).toEqual([expect.stringMatching(new RegExp(why, 'i'))]);
    expect(warnings.join()).not.toContain('another-word');
  });

  test('a stranger to the account, where the journal is: 111', async () => {
    const args = ['--app', 'null:', '--journal', signed.endpoint('shop'), '--allow-single'];
    const bridge = bench.start('posbridge', [...args, '--nats-creds', bench.path('stranger.creds')]);

    expect(await bridge.exited).toEqual(exitedWith(111));
    expect(linesOf(bridge)).toEqual([expect.stringMatching(/Authorization Violation/i)]);
  });

  test('no certificate that the server knows', async () => {
    const { warnings } = await heardBy(closed, ['--nats-creds', bench.path('user.nk')]);
    expect(warnings).toHaveLength(1);
  });
});
