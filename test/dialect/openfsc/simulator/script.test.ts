import { describe, expect, test } from 'vitest';
import { parseScript, SCRIPT_LIMITS } from '../../../../src/dialect/openfsc/simulator/script.ts';
import { type ScriptEnd, ScriptPlayer } from '../../../../src/dialect/openfsc/simulator/script-player.ts';
import { DEFAULT_SETTINGS } from '../../../../src/dialect/openfsc/simulator/settings.ts';
import { F1, K1, PlatformBench, type PlayedSite, SECRET1, SITE_CAPS } from './kit.ts';

describe('a script', () => {
  test('has settings and steps, with the line of each', () => {
    const { settings, steps } = parseScript(
      '# a comment\nset heartbeat 2.5\n\nlogin # here\nask CLEAR 1 x y z -> OK | 410\n',
    );
    expect(settings).toEqual({ heartbeatMs: 2500 });
    expect(steps.map(({ line }) => line)).toEqual([4, 5]);
    expect(steps[1]?.action).toEqual({
      do: 'ask',
      method: 'CLEAR',
      words: ['1', 'x', 'y', 'z'],
      expected: ['OK', '410'],
    });
  });

  test.each([
    ['', 'it has no steps'],
    ['frob', 'line 1: there is no step "frob"'],
    ['login\nlogin 0', 'line 2: login wants a number'],
    ['ask PUMP 1 free', 'line 1: ask wants a request of the server'],
    ['ask PUMPS -> maybe', 'line 1: ask wants a request of the server'],
    ['tell PUMPS', 'line 1: tell wants a notification of the server'],
    ['await OK', 'line 1: await wants one of PUMP'],
    ['ask PUMPSTATUS $pump', 'line 1: $pump is not known yet'],
    ['set heartbeat now', 'line 1: heartbeat wants seconds, or off'],
    ['set charsets KOI8-R', 'line 1: charsets wants'],
    ['set frob 1', 'line 1: there is no such setting; there is capabilities'],
    ['login\n'.repeat(SCRIPT_LIMITS.steps + 1), `more than ${SCRIPT_LIMITS.steps} steps`],
    ['#'.repeat(SCRIPT_LIMITS.bytes + 1), 'it is too long'],
  ])('is refused in one line: %j', (text, why) => {
    expect(() => parseScript(text)).toThrow(why);
  });
});

/** Plays a script with the site that `run` plays. */
async function play(
  text: string,
  run: (site: PlayedSite, bench: PlatformBench) => Promise<void>,
  capabilities?: string,
): Promise<{ end: ScriptEnd; bench: PlatformBench }> {
  const script = parseScript(text);
  const bench = new PlatformBench({ ...DEFAULT_SETTINGS, ...script.settings });
  const { platform, clock } = bench;
  let ids = 0;
  const newId = () => F1.slice(0, -2) + String(10 + ids++);
  const player = new ScriptPlayer({ clock, platform, script, newId });
  const site = await bench.login(capabilities);
  const ended = player.play();
  await run(site, bench);
  return { end: await ended, bench };
}

/** Lets everything run that does not wait for time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('the player', () => {
  test('takes names from what the site says, whether it was said before or later', async () => {
    const text =
      'await PUMP $pump free\nawait TRANSACTION $pump $id open\nid $fsc\nask CLEAR $pump $id $fsc pace';
    const { end } = await play(text, async (site) => {
      site.send('* PUMP 7 locked', '* PUMP 8 free');
      site.send('* TRANSACTION 7 other open 0100 EUR 1.00 0.84 19.0 0.16 LTR 1.0 1.000');
      site.send('* TRANSACTION 8 mine open 0100 EUR 1.00 0.84 19.0 0.16 LTR 1.0');
      const asked = await site.until(/CLEAR/);
      expect(asked).toMatch(/^S0 CLEAR 8 mine e2f74ef5-\S+10 pace$/);
      site.send('S0 OK');
    });
    expect(end).toEqual({ ok: true });
  });

  test('ends with the step that does not hold: another answer', async () => {
    const { end } = await play('login\nask PUMPS -> 404|500', async (site) => {
      await site.until(/PUMPS/);
      site.send('S0 OK');
    });
    expect(end).toEqual({
      ok: false,
      why: 'line 2: ask PUMPS -> 404|500: the answer is OK, not 404 or 500',
    });
  });

  test('ends with the step that does not hold: no answer, nothing said', async () => {
    for (const [step, why] of [
      ['ask PUMPS', 'no answer within 60 s'],
      ['await PUMP 1 free', 'the site has said nothing like it, for 60 s'],
      ['closed', 'somebody is still connected, for 60 s'],
    ] as const) {
      const { end } = await play(step, async (_site, { clock }) => {
        await settle();
        clock.advance(60_000);
      });
      expect(end).toEqual({ ok: false, why: `line 1: ${step}: ${why}` });
    }
  });

  test('sends a request whose connection is lost again, and takes 410 to a repeated CLEAR for OK', async () => {
    const { end } = await play('id $fsc\nask CLEAR 3 sale $fsc pace', async (site, bench) => {
      const [asked] = [await site.until(/CLEAR/)];
      site.wire.destroy();
      const again = await bench.login();
      expect(await again.until(/CLEAR/)).toBe(asked);
      again.send('S0 ERR 410 already cleared');
    });
    expect(end).toEqual({ ok: true });
  });

  test('410 to the first CLEAR is no success', async () => {
    const { end } = await play('id $fsc\nask CLEAR 3 sale $fsc pace', async (site) => {
      await site.until(/CLEAR/);
      site.send('S0 ERR 410 already cleared');
    });
    expect(end.ok).toBe(false);
  });

  test('sends no extension that the site has not announced, unless it is told to', async () => {
    const text = `id $fsc\ntell TRANSACTIONINFO $fsc PAN 1234\nask PRODUCTS\nask PUMPS`;
    const caps = SITE_CAPS.replace(' TRANSACTIONINFO', '').replace(' PRODUCTS', '');
    const { end, bench } = await play(
      text,
      async (site) => {
        expect(await site.next()).toBe('S0 PUMPS');
        site.send('S0 OK');
      },
      caps,
    );
    expect(end).toEqual({ ok: true });
    expect(bench.notes).toContain('connection 1 has not announced TRANSACTIONINFO: not sent');
    const told = await play(
      `set uninvited yes\n${text}`,
      async (site) => {
        expect(await site.next()).toMatch(/^\* TRANSACTIONINFO \S+ PAN 1234$/);
        expect(await site.next()).toBe('S0 PRODUCTS');
        site.send('S0 OK');
        await site.until(/PUMPS/);
        site.send('S1 OK');
      },
      caps,
    );
    expect(told.end).toEqual({ ok: true });
  });

  test('tolerant: puts up with a site that forgets what it cleared and tells no pump by itself', async () => {
    const text = `id $fsc
await PUMP $pump ready-to-pay
ask CLEAR $pump sale $fsc pace
await PUMP $pump free
await PUMP $pump locked
ask TRANSACTIONS
ask CLEAR $pump sale $fsc pace -> 410`;
    const client = async (site: PlayedSite, { clock }: PlatformBench) => {
      site.send('* PUMP 3 ready-to-pay');
      await site.until(/CLEAR/);
      site.send('S0 OK');
      for (const tag of ['S1', 'S2']) {
        await settle();
        clock.advance(2000);
        expect(await site.next()).toBe(`${tag} PUMPSTATUS 3`);
        site.send('* PUMP 3 free', `${tag} OK`);
      }
      await site.until(/TRANSACTIONS/);
      site.send('S3 ERR 404 none');
      await site.until(/CLEAR/);
      site.send('S4 ERR 404 no such transaction');
    };
    const { end, bench } = await play(`set tolerant yes\n${text}`, client);
    expect(end).toEqual({ ok: true });
    expect(bench.notes.filter((note) => note.startsWith('put up with'))).toEqual([
      'put up with: the pump has another state',
      'put up with: 404 to TRANSACTIONS',
      'put up with: 404 to CLEAR',
    ]);
    const strict = await play('ask CLEAR 3 sale 1 pace -> 410', async (site) => {
      await site.until(/CLEAR/);
      site.send('S0 ERR 404 no such transaction');
    });
    expect(strict.end.ok).toBe(false);
  });

  test('end: says goodbye to the active session and keeps its connection', async () => {
    const { end } = await play('login 3\nend\nactive 3\nask PUMPS', async (_initial, bench) => {
      const site = await bench.loginSession('b', 2);
      site.send('C2 NEWSESSION c 3', `c.C1 PLAINAUTH ${K1} ${SECRET1}`);
      expect(await site.until(/QUIT/)).toBe('b.* QUIT the script says so');
      await site.until(/^c\.S0 PUMPS/);
      site.send('c.S0 OK');
    });
    expect(end).toEqual({ ok: true });
  });

  test('beats: a late answer ends it', async () => {
    const { end, bench } = await play('set heartbeat 5\nbeats 2', async (site, { clock }) => {
      await settle();
      clock.advance(5000);
      await site.until(/HEARTBEAT/);
      clock.advance(20_000);
      site.send('S0 BEAT 2030-01-01T00:00:25Z', 'S0 OK');
    });
    expect(end).toMatchObject({ ok: false, why: 'line 2: beats 2: 1 heartbeats were answered late' });
    expect(bench.notes).toContain('connection 1: a heartbeat was answered after 20000 ms: late');
  });

  test('silent: a site that answers no heartbeat is given up with QUIT', async () => {
    const { end, bench } = await play('set heartbeat 5\nsilent', async (site, { clock }) => {
      await settle();
      for (let seconds = 0; seconds < 35; seconds += 5) {
        clock.advance(5000);
        await settle();
      }
      expect((await site.rest()).at(-1)).toBe('* QUIT heartbeats are not answered');
    });
    expect(end).toEqual({ ok: true });
    expect(bench.platform.heartbeats.silent).toBe(1);
  });

  test('pause waits, and stopping ends everything', async () => {
    const script = parseScript('pause 10\nlogin');
    const { platform, clock } = new PlatformBench();
    const player = new ScriptPlayer({ clock, platform, script, newId: () => K1 });
    const ended = player.play();
    await settle();
    clock.advance(10_000);
    await settle();
    player.stop();
    expect(await ended).toEqual({ ok: false, why: 'stopped at line 2: login' });
    expect(clock.timerCount).toBe(0);
  });
});
