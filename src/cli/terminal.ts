import { systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { ScriptPlayer, type ScriptSummary } from '../terminal/script-player.ts';
import { noteInherited } from '../wire/fd.ts';
import { EXIT } from './exit-codes.ts';
import { Program } from './program.ts';
import type { Settings } from './settings.ts';
import { killThisProcess, openTerminal, readSetup } from './terminal-setup.ts';

/**
 * `posbridge terminal`: a simulated payment terminal, until stopped, its script is played, or every descriptor is
 * closed.
 */
export async function runTerminal(settings: Settings): Promise<number> {
  noteInherited();
  const setup = await readSetup(settings);
  const attach = settings.isGiven('dialect')
    ? await (await import('./terminal-registers.ts')).readRegisterPlaces(settings)
    : (await import('./terminal-bridges.ts')).readBridgePlaces(settings);
  const program = await Program.start(settings);
  const { log } = program;
  const stopped = deferred<void>();
  program.onStop(stopped.resolve);
  const player =
    setup.script && new ScriptPlayer(setup.script, { clock: systemClock, log, die: killThisProcess });
  const closing: (() => unknown)[] = [];
  try {
    const terminal = await openTerminal(setup, program, player);
    closing.push(() => terminal.close());
    if (setup.screen !== undefined) {
      const [{ openScreen }, { terminalSource }] = await Promise.all([
        import('../screen/server.ts'),
        import('../terminal/screen/source.ts'),
      ]);
      const source = terminalSource(terminal.screen);
      const context = { clock: systemClock, log, pictures: setup.pictures };
      const screen = await openScreen(setup.screen, source, context);
      closing.push(() => screen.close());
      process.stderr.write(`The terminal's screen: ${screen.url}\n`);
    }
    const { over } = await attach(terminal, program, closing);
    await Promise.race([stopped.promise, over, ...(player === undefined ? [] : [player.finished])]);
    return player === undefined ? EXIT.ok : tellSummary(player.summary, program);
  } finally {
    for (const close of closing.reverse()) await close();
    await program.end();
  }
}

/** 76, the status for a peer that breaks the rules, when it did not do what the script says. */
function tellSummary({ steps, done, misfits }: ScriptSummary, { log }: Program): number {
  const isGood = done === steps && misfits === 0;
  const fields = { 'steps done': done, of: steps, 'requests that did not fit': misfits };
  if (isGood) log.info('script finished', fields);
  else log.warn('script not kept', fields);
  return isGood ? EXIT.ok : EXIT.protocol;
}
