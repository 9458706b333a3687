import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { silentLogger as log } from '../../src/base/log.ts';
import { OUTCOME_CODES, REFUSAL_CODES } from '../../src/terminal/answer.ts';
import { TEST_PIN } from '../../src/terminal/cards.ts';
import { COURSES } from '../../src/terminal/outcomes.ts';
import { parseScript } from '../../src/terminal/script.ts';
import { ScriptPlayer } from '../../src/terminal/script-player.ts';
import { Terminal } from '../../src/terminal/terminal.ts';
import { TEXT_NAMES } from '../../src/terminal/texts.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { Attached, pass, purchase } from './kit.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const page = readFileSync(path.join(ROOT, 'docs/terminal.md'), 'utf8');
const errors = readFileSync(path.join(ROOT, 'docs/errors.md'), 'utf8');

function firstCells(heading: string): string[] {
  const [, section = ''] = page.split(`\n${heading}\n`);
  const rows = (section.split(/\n#+ /)[0] ?? '').split('\n').filter((line) => /^\| (?!-)/.test(line));
  return rows.slice(1).map((row) => row.split('|')[1]?.trim() ?? '');
}

describe('docs/terminal.md', () => {
  test('has every amount that means something', () => {
    const amounts = firstCells('## What a purchase comes to');
    expect(amounts).toEqual([...Object.keys(COURSES).map((digits) => `…${digits}`), 'others']);
    expect(Object.keys(COURSES)).toEqual(['01', '02', '03', '04', '05', '06', '07']);
  });

  test('has every code that docs/errors.md does not have', () => {
    const [, section = ''] = errors.split('\n## Toward a register\n');
    const [general = ''] = section.split('\n## ');
    const own = [...OUTCOME_CODES, ...REFUSAL_CODES].filter((code) => !general.includes(`| ${code} |`));
    expect(firstCells('### Codes of its own')).toEqual(own);
  });

  test('has the PIN and the names of all texts', () => {
    expect(page).toContain(`a PIN (${TEST_PIN})`);
    const [, section = ''] = page.split('\n## Texts\n');
    const [, names = ''] = section.split(/The\s+names\s+are/);
    expect([...names.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name)).toEqual([...TEXT_NAMES]);
  });

  test('has a script that plays as it says', async () => {
    const [, script = ''] = /```json\n(.*?)```/s.exec(page) ?? [];
    const clock = new FakeClock();
    const player = new ScriptPlayer(parseScript(Buffer.from(script)), { clock, log, die: () => {} });
    const terminal = new Terminal({ clock, log, script: player });
    const first = new Attached(terminal);
    await first.request('1', 'TerminalInfo', {});
    await first.request('2', 'Purchase', purchase({ receipt_id: 'R-1' }));
    expect(first.statuses).toEqual(['WAIT_CARD_IN']);
    await pass(clock, 50);
    expect(first.cashierTexts).toEqual(['Insert the card']);
    await pass(clock, 100);
    expect(first.isDestroyed).toBe(true);
    const second = new Attached(terminal);
    await second.request('3', 'Check', { receipt_id: 'R-1', sequence_id: 1 });
    expect(second.code('3')).toBe('DECLINED');
    expect(await player.finished).toEqual({ steps: 2, done: 2, misfits: 0 });
  });
});
