import type { ChannelName } from '../../base/channel-name.ts';

/** What a terminal has to know of a command before it obeys. */
export interface CommandRules {
  readonly channel: ChannelName;
  /** It is obeyed while another request is running. */
  readonly isSecondary?: boolean;
  /** Whether a session must be open, or must not; default: either. */
  readonly session?: 'needed' | 'forbidden';
  /** It moves money, or may: it is locked, recorded and asked about like a purchase. */
  readonly movesMoney?: boolean;
}

type Table = Readonly<Record<string, CommandRules>>;

const PAYMENT: CommandRules = { channel: 'payment', session: 'needed' };
const MONEY: CommandRules = { ...PAYMENT, movesMoney: true };
const LINE_ITEM: CommandRules = { channel: 'ui', session: 'needed' };
const UI: CommandRules = { channel: 'ui' };
const DEVICE: CommandRules = { channel: 'device' };
const SECONDARY: CommandRules = { channel: 'device', isSecondary: true };
const SECURITY: CommandRules = { channel: 'device', session: 'forbidden' };
const REPORT: CommandRules = { channel: 'storage' };
const SAF: CommandRules = { channel: 'storage', session: 'forbidden' };

/** Commands of each FUNCTION_TYPE that the specification names. */
export const COMMANDS: Readonly<Record<string, Table>> = {
  SESSION: { START: { channel: 'payment', session: 'forbidden' }, FINISH: PAYMENT },
  PAYMENT: {
    ...all(
      MONEY,
      'CAPTURE AUTH CREDIT VOID COMPLETION ADD_TIP RESET_TIP ACTIVATE REACTIVATE ADD_VALUE GIFT_CLOSE DEACTIVATE',
    ),
    ...all(PAYMENT, 'BALANCE TOKEN_QUERY'),
  },
  LINE_ITEM: all(LINE_ITEM, 'ADD OVERRIDE REMOVE REMOVEALL SHOW LINE_ITEM_END'),
  DEVICE: {
    ...all(DEVICE, 'VERSION GET_DEVICENAME SET_DEVICENAME GET_PARM SET_PARM GET_PAYMENT_TYPES'),
    ...all(
      UI,
      'DISPLAY_MESSAGE DISPLAY_QRCODE DISPLAY_LEFTPANEL CUST_QUESTION CUST_BUTTON CHECKBOX SURVEY SURVEY5 SURVEY10 CHARITY SIGNATURE SIGNATURE_EX EMAIL LOYALTY CREDIT_APP',
    ),
    GET_CARD_DATA: { channel: 'payment' },
  },
  ADMIN: {
    GET_COUNTER: DEVICE,
    SETTIME: { channel: 'device', session: 'forbidden' },
    LANE_CLOSED: UI,
    APPLYUPDATES: DEVICE,
  },
  SECURITY: all(SECURITY, 'REGISTER REGISTER_ENCRYPTION TEST_MAC UNREGISTER UNREGISTERALL'),
  SECONDARYPORT: {
    CANCEL: { channel: 'payment', isSecondary: true },
    CONFIRMATION: { channel: 'payment', isSecondary: true },
    GET_SAF_STATUS: { channel: 'storage', isSecondary: true },
    ...all(SECONDARY, 'STATUS REBOOT ANY_UPDATES UPDATE_STATUS'),
  },
  SAF: { QUERY: SAF, ...all({ ...SAF, movesMoney: true }, 'REMOVE EDIT') },
  REPORT: all(
    REPORT,
    'LAST_TRAN DUPCHECK DAYSUMMARY PRESETTLEMENT SETTLESUMMARY SETTLEERROR TERMPARAMS TAB_REPORT OPEN_TABS_REPORT UNADJUSTED_TIP',
  ),
  BARCODE: all(DEVICE, 'SCAN BARCODEASYNC_START BCCONFIG BCTEST'),
};

/** What other commands of a known FUNCTION_TYPE are like; PAYMENT has none, because any of them might move money. */
const OTHERS: Table = { LINE_ITEM, DEVICE: UI, SECONDARYPORT: SECONDARY, REPORT, SAF, BARCODE: DEVICE };

export type FoundCommand = CommandRules | 'unknown' | 'may move money';

/**
 * Finds the rules of a command. `unknown`: the specification does not name it. `may move money`: it does not either,
 * and because of its FUNCTION_TYPE it must not be passed on without being recorded.
 */
export function findCommand(functionType: string, command: string): FoundCommand {
  const named = Object.hasOwn(COMMANDS, functionType) ? COMMANDS[functionType] : undefined;
  if (named !== undefined && Object.hasOwn(named, command)) return named[command] ?? 'unknown';
  if (functionType === 'PAYMENT') return 'may move money';
  return Object.hasOwn(OTHERS, functionType) ? (OTHERS[functionType] ?? 'unknown') : 'unknown';
}

function all(rules: CommandRules, names: string): Table {
  return Object.fromEntries(names.split(' ').map((name) => [name, rules]));
}
