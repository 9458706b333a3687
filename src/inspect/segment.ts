/** Bytes as they were recorded: one side of one stream, in their order. */
export interface Segment {
  /** Which stream, where a source has several. */
  readonly stream: string;
  /** 0: who has begun the stream, or who speaks from left to right. */
  readonly side: 0 | 1;
  readonly timeMs: number | undefined;
  readonly bytes: Buffer;
}
