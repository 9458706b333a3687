/**
 * What stops the program. SIGHUP that was ignored when it started (nohup) stays ignored: the launcher has found that
 * out.
 */
export function stopSignals(): readonly NodeJS.Signals[] {
  return process.env['_POSBRIDGE_NOHUP'] ? ['SIGTERM', 'SIGINT'] : ['SIGTERM', 'SIGINT', 'SIGHUP'];
}
