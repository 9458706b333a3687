/** What runs in a simulated process: the whole program, or the library. */
export { main } from '../../../src/cli/main.ts';
export { PosClient } from '../../../src/pos/pos-client.ts';
