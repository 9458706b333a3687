/**
 * How a wire keeps messages apart. `stream`: any split of bytes may arrive. `messages`: the transport keeps their
 * borders (WebSocket).
 *
 * `exchange`: so it does, and to each message belongs one answer (HTTP). For who answers, the wire carries one message
 * and its answer, which is the first that is sent; an empty one says that there is none, and a wire that ends without
 * has failed the other side. For who asks, each message that is sent is a request of its own, whatever is under way,
 * and all that ever comes is answers.
 */
export type Framing = 'stream' | 'messages' | 'exchange';
