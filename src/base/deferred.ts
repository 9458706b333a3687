export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(fault: unknown): void;
}

/** A promise and its two ends (Promise.withResolvers came with Node 22). */
export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (fault: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
