/** Requests that run beside each other; inside a lane one follows the other. */
export type Lane = 'async' | 'keys' | 'auxiliary' | 'printer' | 'main';

/** What has to be known of a message type. */
export interface MessageType {
  readonly lane: Lane;
  /** The type that answers it. */
  readonly answer?: string;
  /** Names of its fields, as far as they are known; what stands behind them is kept without names. */
  readonly fields?: readonly string[];
  /** The fields are not known at all. */
  readonly isOpaque?: true;
  /**
   * When the peer's frame is one that has been taken already: `remembered`, the same token, type and body within 30 s;
   * `step`, the same while our answer to the first is not acknowledged, because equal steps of a conversation follow
   * each other. Default: never, it does no harm twice.
   */
  readonly repeats?: 'remembered' | 'step';
  /** It may have an effect each time that it arrives: it is sent again only when the peer has refused it. */
  readonly isEffectful?: true;
}

const step = (lane: Lane, answer: string) =>
  ({ lane, answer, isOpaque: true, repeats: 'step', isEffectful: true }) as const;

/** Every type that the protocol names. Others are passed on as they are. */
export const CATALOGUE: ReadonlyMap<string, MessageType> = new Map<string, MessageType>([
  ['T1', { lane: 'async', answer: 'T2', fields: [] }],
  ['T2', { lane: 'async', fields: ['version', 'vendor', 'device_type', 'device_id'] }],
  ['T3', { lane: 'async', answer: 'T4', fields: [] }],
  ['T4', { lane: 'async', answer: 'T5', fields: ['versions'] }],
  ['T5', { lane: 'async', fields: ['version'] }],
  ['D4', { lane: 'async', answer: 'D5', fields: [] }],
  ['D5', { lane: 'async', isOpaque: true }],
  ['L1', { lane: 'async', isOpaque: true, repeats: 'remembered' }],
  ['B1', { lane: 'keys', answer: 'B2', isOpaque: true, isEffectful: true }],
  ['B2', { lane: 'keys', isOpaque: true }],
  ['B3', { lane: 'keys', answer: 'B4', isOpaque: true, isEffectful: true }],
  ['B4', { lane: 'keys', fields: ['result'] }],
  ['S1', { lane: 'main', answer: 'S2', isOpaque: true, repeats: 'remembered', isEffectful: true }],
  ['S2', { lane: 'main', isOpaque: true }],
  ['P1', { lane: 'main', fields: [], repeats: 'remembered' }],
  ['I1', { lane: 'main', fields: ['status', 'message'] }],
  ['M1', { lane: 'main', isOpaque: true, repeats: 'remembered', isEffectful: true }],
  ['A1', { lane: 'main', answer: 'A2', isOpaque: true, repeats: 'remembered', isEffectful: true }],
  ['A2', { lane: 'main', fields: ['result', 'message'] }],
  ['K0', { lane: 'auxiliary', fields: ['result', 'output'] }],
  ...['K1', 'K2', 'K3', 'K4', 'K5', 'K6', 'K7', 'K8', 'K9'].map(
    (type) => [type, step('auxiliary', 'K0')] as const,
  ),
  ['D0', { lane: 'printer', fields: ['result'] }],
  ...['D1', 'D2', 'D3', 'D6', 'D9', 'DA'].map((type) => [type, step('printer', 'D0')] as const),
  ['D7', step('printer', 'D8')],
  ['D8', { lane: 'printer', isOpaque: true }],
]);

/** Types that answer another one: without their request they are answers to nothing. */
export const ANSWER_TYPES: ReadonlySet<string> = new Set(
  [...CATALOGUE.values()].flatMap(({ answer }) => (answer === undefined ? [] : [answer])),
);

/** What the link itself answers; no application says or hears it. */
export const OWN_TYPES: ReadonlySet<string> = new Set([
  ...['T1', 'T2', 'T3', 'T4', 'T5', 'D4', 'D5', 'B1', 'B2', 'B3', 'B4'],
]);

/** `result` of S2, K0, A2, D0, B2 and B4. */
export const RESULT = {
  success: 0,
  /** S2, K0: the endpoint is busy or not available. */
  busy: 993,
  /** S2: the payment was made, or refused, before. posbridge's own. */
  duplicate: 994,
  /** Any refusal for another reason. */
  refused: 999,
} as const;
