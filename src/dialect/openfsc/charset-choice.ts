import type { Charset } from './charset.ts';
import type { Dialogue } from './dialogue.ts';

/**
 * Asks the server for our charsets, in their order, until it takes one.
 *
 * @param isOver whether nobody wants to know any more: nothing is asked then, and nothing settled
 * @param settle with the charset, `none` when it has refused them all, or `late` when it does not answer
 */
export function chooseCharset(
  charsets: readonly [Charset, ...Charset[]],
  control: Dialogue,
  isOver: () => boolean,
  settle: (chosen: Charset | 'none' | 'late') => void,
): void {
  const [charset, next, ...others] = charsets;
  control.ask('CHARSET', [charset], (answer) => {
    if (isOver()) return;
    if (answer.kind === 'late') settle('late');
    else if (answer.kind === 'ok') settle(charset);
    else if (next === undefined) settle('none');
    else chooseCharset([next, ...others], control, isOver, settle);
  });
}
