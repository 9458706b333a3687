/** Why nothing new begins. */
export const STOPPING = 'the bridge is being stopped';
