import type { Clock } from '../../base/clock.ts';
import { describeFault } from '../../base/errors.ts';
import { type Answer, errorAnswer, resultAnswer } from '../answer.ts';
import type { Panel } from '../panel.ts';
import { type DownloadSource, download } from './download.ts';
import type { RegisterNetwork } from './register-network.ts';

/** Downloads at one time. */
const MAX_RUNNING = 64;
/** How often the display changes. */
const SHOW_MS = 500;
const RESULT_SHOWN_MS = 3000;
const HEADING = 'Test: download';

export interface LargeDownloadOptions {
  readonly clock: Clock;
  readonly panel: Panel;
  readonly source: DownloadSource | undefined;
}

/** The test `large_file_download`: gets a file through a register's network, with its progress on the display. */
export class LargeDownload {
  readonly #options: LargeDownloadOptions;
  /** What is shown of each that is running. */
  readonly #running = new Set<{ text: string }>();
  #shownMs = Number.NEGATIVE_INFINITY;
  /** What the display shows, if it is ours. */
  #lines: readonly string[] | undefined;

  constructor(options: LargeDownloadOptions) {
    this.#options = options;
  }

  async run(network: RegisterNetwork | undefined): Promise<Answer> {
    const { source, clock } = this.#options;
    if (source === undefined) {
      return errorAnswer(
        'TEST_UNAVAILABLE',
        'there is nothing to download; start the terminal with --download-url',
      );
    }
    if (network === undefined) {
      return errorAnswer('TEST_UNAVAILABLE', 'no register has offered its network (NetworkStart)');
    }
    if (this.#running.size >= MAX_RUNNING) {
      return errorAnswer('TEST_UNAVAILABLE', `${MAX_RUNNING} downloads are running already`);
    }
    const shown = { text: 'connecting' };
    this.#running.add(shown);
    this.#show('now');
    const startedMs = clock.nowMs();
    try {
      const { bytes, sha256 } = await download(source, {
        connect: (host, port) => network.connect(host, port),
        progress: (soFar, of) => {
          shown.text = of ? `${Math.floor((100 * soFar) / of)} % of ${of} bytes` : `${soFar} bytes`;
          this.#show();
        },
      });
      const durationMs = Math.max(1, Math.round(clock.nowMs() - startedMs));
      const speed = Math.round((bytes * 1000) / durationMs);
      this.#over(shown, `${bytes} bytes, ${speed} bytes/s`);
      const isVerified = source.sha256 !== undefined;
      return resultAnswer({
        bytes,
        sha256,
        verified: isVerified,
        duration_ms: durationMs,
        bytes_per_s: speed,
      });
    } catch (fault) {
      const why = describeFault(fault);
      this.#over(shown, `failed: ${why}`);
      return errorAnswer('TEST_FAILED', `${source.url.host}: ${why}`);
    }
  }

  #over(shown: { text: string }, text: string): void {
    this.#running.delete(shown);
    if (this.#running.size > 0) this.#show('now');
    else if (this.#mayShow()) this.#options.panel.showFor(RESULT_SHOWN_MS, 'message', [HEADING, text]);
  }

  #show(when?: 'now'): void {
    const nowMs = this.#options.clock.nowMs();
    if (!this.#mayShow() || (when === undefined && nowMs - this.#shownMs < SHOW_MS)) return;
    this.#shownMs = nowMs;
    this.#lines = [HEADING, ...[...this.#running].map(({ text }) => text)];
    this.#options.panel.show('message', this.#lines);
  }

  /** The display shows the welcome, or what is ours: nothing that somebody needs. */
  #mayShow(): boolean {
    const { stage, state } = this.#options.panel;
    return stage === 'idle' || (stage === 'message' && state.lines === this.#lines);
  }
}
