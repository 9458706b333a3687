/**
 * Numbers of every card network for tests: published ones where there are such, else a prefix of the network filled up
 * and given its check digit. None belongs to anybody.
 */
export const CARD_NUMBERS: readonly (readonly [network: string, ...numbers: string[]])[] = [
  ['Visa', '4111111111111111', '4012888888881881', '4242424242424242', '4222222222222', '4000056655665556'],
  ['Visa, 18 and 19 digits', withCheckDigit('40000000000000123'), withCheckDigit('400000000000001234')],
  ['Mastercard', '5555555555554444', '5105105105105100', '2223003122003222', '2720990000000007'],
  ['American Express', '378282246310005', '371449635398431', '341111111111111'],
  ['Diners Club', '30569309025904', '38520000023237', '36227206271667', withCheckDigit('309500000000001')],
  ['Discover', '6011111111111117', '6011000990139424', '6445644564456445', '6500000000000002'],
  ['JCB', '3530111333300000', '3566002020360505', '3569990010095841', withCheckDigit('35289900100958412')],
  ['UnionPay', '6200000000000005', '6212345678901232', '8171999927660000', '8171999900000000021'],
  [
    'Maestro',
    '6759649826438453',
    '5018000000000009',
    '6304000000000000000',
    withCheckDigit('58930000000'),
    '67034200554565015',
  ],
  ['Mir', '2200000000000004', withCheckDigit('220422112233444')],
  ['RuPay', '6074819900004939', withCheckDigit('508500000000001'), withCheckDigit('817200000000001')],
  ['Elo', '6362970000457013', '5066991111111118', withCheckDigit('650035000000001')],
  ['Hipercard', '6062826786276634', withCheckDigit('384100000000001')],
  ['Dankort', '5019717010103742', '4571000000000001'],
  ['Troy', '9792030394440796', withCheckDigit('650000000000001')],
  ['Verve', withCheckDigit('506099058000021749'), withCheckDigit('650002000000001')],
  ['Bancontact', '67034200554565015', withCheckDigit('606005000000001')],
  ['UATP', '135410014004955'],
  [
    'Laser, Switch, Solo',
    withCheckDigit('670676000000001'),
    '6331101999990016',
    withCheckDigit('676700000000001'),
  ],
  ['InterPayment, InstaPayment', withCheckDigit('636000000000001'), withCheckDigit('637000000000001')],
  [
    'Uzcard, Humo, Belkart',
    withCheckDigit('860000000000001'),
    withCheckDigit('986000000000001'),
    withCheckDigit('911200000000001'),
  ],
  [
    'Napas, BC Card, ArCa',
    withCheckDigit('970400000000001'),
    withCheckDigit('941000000000001'),
    withCheckDigit('905100000000001'),
  ],
  ['Borica, PayPak, GPN', withCheckDigit('220500000000001'), withCheckDigit('194600000000001')],
  ['Carnet, T-Union', withCheckDigit('286900000000001'), withCheckDigit('310000000000000001')],
  [
    'fuel cards',
    withCheckDigit('704310000000000001'),
    withCheckDigit('700205000000000001'),
    withCheckDigit('70880000000001'),
  ],
];

/** Digits and the one that makes them pass the Luhn check. */
export function withCheckDigit(digits: string): string {
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return `${digits}${(10 - (sum % 10)) % 10}`;
}
