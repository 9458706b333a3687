/**
 * The scripts that can be played by name, each with the first site that is configured. Products, prices, pumps and
 * transactions are asked for on every session that becomes active; a script need not do that.
 */
export const SCRIPTS: Readonly<Record<string, string>> = {
  'post-pay': `
login
await TRANSACTION $pump $transaction open     # a customer has fuelled
ask TRANSACTIONS $pump 60
ask PUMPSTATUS $pump 30
await PUMP $pump ready-to-pay
id $payment
ask CLEAR $pump $transaction $payment pace
await PUMP $pump free
ask TRANSACTIONS
ask CLEAR $pump $transaction $payment pace -> 410`,

  'pre-auth': `
login
await PUMP $pump locked
id $payment
ask UNLOCKPUMP $pump EUR 100.00 $payment pace
await TRANSACTION $pump $payment open         # the customer has fuelled
await PUMP $pump locked
ask CLEAR $pump $payment $payment pace
await PUMP $pump locked
ask CLEAR $pump $payment $payment pace -> 410`,

  // The customer of the simulated station goes away when the credit is below 1.00.
  'cancel-by-site': `
login
await PUMP $pump locked
id $payment
ask UNLOCKPUMP $pump EUR 0.50 $payment dkv
await LOCKEDPUMP $pump $payment aborted
await PUMP $pump locked
ask TRANSACTIONS
ask CLEAR $pump $payment $payment dkv -> 404`,

  // The customer of the simulated station only waits when the credit is below 2.00.
  'cancel-by-server': `
login
await PUMP $pump locked
id $payment
ask UNLOCKPUMP $pump EUR 1.50 $payment dkv
await PUMP $pump free
ask LOCKPUMP $pump
await PUMP $pump locked
ask LOCKPUMP $pump -> 423`,

  'login-refused': `
set refuse-logins yes
refused 401
closed`,

  heartbeat: `
set heartbeat 0.2
login
beats 3
ask PUMPS`,

  // The connection is lost once, somewhere on the way; the site comes back. That the pump was free in between may be
  // lost with it.
  cut: `
set cut-after 14
login
await TRANSACTION $pump $transaction open
id $payment
ask CLEAR $pump $transaction $payment pace
ask TRANSACTIONS`,

  // Two connections of one site (--standby); the better one is lost while a CLEAR is under way.
  failover: `
login 2
active 1
await TRANSACTION $pump $transaction open
id $payment
send CLEAR $pump $transaction $payment pace
cut
ask TRANSACTIONS $pump
ask CLEAR $pump $transaction $payment pace -> OK|410
await PUMP $pump free
login 2
active 1
ask PUMPS`,

  // Two sessions of one site on one connection (primary and backup); the better one ends while a CLEAR is under way.
  handover: `
login 2
active 1
await TRANSACTION $pump $transaction open
id $payment
send CLEAR $pump $transaction $payment pace
end
active 2
ask TRANSACTIONS $pump
ask CLEAR $pump $transaction $payment pace -> OK|410
await PUMP $pump free
login 2
active 1
ask PUMPS`,

  'transaction-info': `
login
await TRANSACTION $pump $transaction open
id $payment
tell TRANSACTIONINFO $payment PAN 92873498723498792384
tell TRANSACTIONINFO $payment ApprovalCode 043972
tell TRANSACTIONINFO $payment Mileage 176439
ask CLEAR $pump $transaction $payment pace
await PUMP $pump free`,

  'charset-refused': `
set charsets none
login
charset ASCII
ask PRICES
ask PUMPS`,

  'one-byte': `
set bytewise yes
login
await TRANSACTION $pump $transaction open
id $payment
ask CLEAR $pump $transaction $payment pace
await PUMP $pump free`,

  // What a site has to refuse, and with what.
  refusals: `
login
ask PUMPSTATUS 1 29 -> 416
ask PUMPSTATUS 99999 30 -> 404
ask HEARTBEAT yesterday -> 422
await PUMP $pump locked
id $payment
ask UNLOCKPUMP $pump QQQ 50.00 $payment dkv -> 422
ask UNLOCKPUMP $pump EUR 1e2 $payment dkv -> 400
ask UNLOCKPUMP 99999 EUR 50.00 $payment dkv -> 404
ask CLEAR $pump unknown $payment dkv -> 404
ask LOCKPUMP $pump -> 423
ask PUSH`,
};
