import type { Credentials } from './server-requests.ts';

/**
 * The sites that there are when nobody names any: the ones of the public specification's examples, secrets included.
 */
export const EXAMPLE_SITES: readonly Credentials[] = [
  {
    siteAccessKey: '9eb56d5e-6563-430a-9d39-5ddf567e73d5',
    secret: '1d3b755d3bce8f09b4f8ff08dabf1796',
  },
  {
    siteAccessKey: '6a3cc50e-dcbb-4d83-a67f-44b3728a00a6',
    secret: '9edbff7f89fcd1b54535f3636a066883',
  },
];
