import { describe, expect, test } from 'vitest';
import { type Any, converse, paymentBody, requestOf } from './kit.ts';

/** A register over HTTP that listens, and what was posted to it. */
function listening() {
  const posts: { readonly message: Any; readonly answered: (body: Buffer | undefined) => void }[] = [];
  const played = converse({
    framing: 'exchange',
    post: (message, answered) =>
      posts.push({ message: JSON.parse(Buffer.from(message).toString()), answered }),
  });
  played.send(requestOf('Payment', '1', paymentBody()));
  return { played, posts };
}

const ask = (played: ReturnType<typeof converse>, settle: (text: string) => void) =>
  played.peer.request('"nexo.Input"', Buffer.from('{}'), ({ text }) => settle(text.toString()));

describe('a register over HTTP that has said where it listens', () => {
  test('is shown texts and told events there, and its payment is answered where it was asked for', () => {
    const { played, posts } = listening();
    played.peer.notify('"PosMessage"', Buffer.from('{"message":"INSERT CARD"}'));
    played.peer.notify('"StatusEvent"', Buffer.from('{"chip_card_in":true}'));
    const [display, event] = posts.map(({ message }) => message.SaleToPOIRequest);
    expect(display.DisplayRequest.DisplayOutput[0].OutputContent.OutputText).toEqual([
      { Text: 'INSERT CARD' },
    ]);
    expect(event.EventNotification.EventToNotify).toBe('CardInserted');
    expect(played.sent).toEqual([]);
    played.result({ amount: 123, currency: 'EUR' });
    expect(played.sent[0].SaleToPOIResponse.PaymentResponse.Response.Result).toBe('Success');
  });

  test('is asked there, and answers there', () => {
    const { played, posts } = listening();
    const settled: string[] = [];
    ask(played, (text) => settled.push(text));
    const { MessageHeader } = posts[0]?.message.SaleToPOIRequest ?? {};
    const response = {
      MessageHeader: { ...MessageHeader, MessageType: 'Response' },
      InputResponse: { X: 1 },
    };
    posts[0]?.answered(Buffer.from(JSON.stringify({ SaleToPOIResponse: response })));
    expect(settled).toEqual(['{"X":1}']);
  });

  test.each([
    ['is not there', undefined],
    ['answers nothing', ''],
    ['answers something else', '{"SaleToPOIResponse":{}}'],
  ])('and %s: the application is told so, and the payment goes on', (_, body) => {
    const { played, posts } = listening();
    const settled: string[] = [];
    ask(played, (text) => settled.push(text));
    posts[0]?.answered(body === undefined ? undefined : Buffer.from(body));
    expect(settled[0]).toContain('CONNECTION_CLOSED');
    played.result({ amount: 123, currency: 'EUR' });
    expect(played.sent[0].SaleToPOIResponse.PaymentResponse.Response.Result).toBe('Success');
  });
});
