#!/bin/bash
# A payment application: application.sh SOCKET, then posbridge --app unix:SOCKET. Approves after DELAY seconds.
# socat starts a copy of this for each bridge. They share a folder with a file for each transaction: locked while it
# runs, then holding the outcome; empty and not locked: it never came to an end, so nothing was charged.
if [ $# -gt 0 ]; then
  export STORE=$1.outcomes
  mkdir -p "$STORE"
  exec socat "UNIX-LISTEN:$1,fork,unlink-early" "EXEC:bash $0"
fi
error() { # STRING_CODE DETAILS [CODE]
  printf '{"error":{"code":%d,"message":"%s","data":{"string_code":"%s","details":"%s"}}}' "${3:-1}" "$2" "$1" "$2"
}
keep() { printf %s "$1" >&9 && sync "$file" && cat "$file"; } # on disk before anybody hears of it
transaction() { # METHOD KEY REQUEST
  file=$STORE/$(sha256sum <<<"$2" | cut -c1-64)
  exec 9>>"$file"
  if flock -n 9; then known=$(cat "$file"); else known=$(error TRANSACTION_ACTIVE 'still running'); fi
  case $1,$known in
    Check,) keep "$(error TRANSACTION_NOT_FOUND 'no such transaction')" ;;
    Check,*) echo "$known" ;;
    Purchase,)
      sleep "${DELAY:-2}" 9>&- # the card and the bank; nothing is charged before the next line
      keep "$(jq -c '{result: {amount: .params.amount, currency: .params.currency}}' <<<"$3")" ;;
    Purchase,*) error DUPLICATE_TRANSACTION 'these identifiers were used before' ;;
  esac
}
serve() { # REQUEST: one that can be read and asks for something gets an answer
  IFS=$'\t' read -r method sound key < <(jq -r 'select(has("id") and has("method")) | .params as $p | [.method,
    ($p.receipt_id != null and $p.sequence_id != null and (.method == "Check" or ($p.amount | type == "number" and
      . > 0 and . == floor))), ([$p.receipt_id, $p.sequence_id] | map(tostring) | tojson)] | @tsv' <<<"$1") || return
  case $method,$sound in
    Check,true | Purchase,true) outcome=$(transaction "$method" "$key" "$1") ;;
    Check,* | Purchase,*) outcome=$(error JSONRPC_INVALID_PARAMS 'receipt_id, sequence_id or amount' -32602) ;;
    Status,*) outcome='{"result":{"ready_for_transaction":true}}' ;;
    *) outcome=$(error JSONRPC_METHOD_NOT_FOUND 'no such method' -32601) ;;
  esac
  jq -c --argjson o "$outcome" '{connection, jsonrpc, id} + $o | with_entries(select(.value != null))' <<<"$1"
}
while IFS= read -r line; do serve "$line" & done
wait
