/** What a page shows, and lets a person do. */
export interface ScreenSource {
  /** As JSON; asked for whenever somebody looks. */
  readonly state: unknown;
  /** The newest messages, oldest first; numbers go up. */
  readonly messages: readonly { readonly number: number }[];
  /** Runs `changed` whenever there is something new; returns what ends that. */
  watch(changed: () => void): () => void;
  /** Does what the page asks for; false: that is no action. */
  act(text: string): boolean;
}
