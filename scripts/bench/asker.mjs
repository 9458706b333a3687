const LF = 0x0a;

/**
 * Sends frames and counts the answers by their newlines, or where they have none by their length, which is always the
 * same; nothing is parsed, so that both contestants cost the same here.
 */
export class Asker {
  #input;
  #due = 0;
  #done = () => {};
  #fail = () => {};

  constructor({ child, input, output }, { answerBytes } = {}) {
    this.#input = input;
    for (const stream of new Set([input, output])) stream.on('error', () => {});
    output.on('data', (chunk) => {
      if (answerBytes !== undefined) this.#due -= chunk.length / answerBytes;
      else for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) this.#due -= 1;
      if (this.#due <= 0) this.#done();
    });
    child.exited.then(
      (code) => this.#fail(new Error(`bench: ${child.spawnfile} ended with ${code} before it had answered`)),
      (fault) => this.#fail(fault),
    );
  }

  /** Resolves when all of these are answered. */
  ask(bytes, count) {
    this.#due = count;
    return new Promise((resolve, reject) => {
      this.#done = resolve;
      this.#fail = reject;
      this.#input.write(bytes);
    });
  }
}
