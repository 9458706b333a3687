declare const POSBRIDGE_TEST_BUILD: boolean | undefined;

/**
 * The moments at which a test can have the power fail: of a transaction with a journal, and of a message that a
 * database has.
 */
export type FaultPoint =
  | 'before-sent'
  | 'after-sent'
  | 'after-hand-over'
  | 'before-done'
  | 'after-done'
  | 'after-answer'
  | 'after-persist';

/**
 * Ends the process like kill -9 when POSBRIDGE_FAULT names this moment; `stop:` before it, the process stands still
 * until it is continued. Only in the build for tests: in the product the bundler leaves nothing of it.
 */
export function faultPoint(point: FaultPoint): void {
  if (typeof POSBRIDGE_TEST_BUILD === 'undefined' || !POSBRIDGE_TEST_BUILD) return;
  const wanted = process.env['POSBRIDGE_FAULT'];
  if (wanted === point) process.kill(process.pid, 'SIGKILL');
  if (wanted === `stop:${point}`) process.kill(process.pid, 'SIGSTOP');
}
