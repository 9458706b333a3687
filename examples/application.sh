#!/bin/bash
# A payment application: application.sh SOCKET, then posbridge --app unix:SOCKET. It decides after DELAY seconds.
# socat starts a copy of this for each bridge. They share a folder with a folder for each receipt, and in it a file for
# each transaction: locked while it runs, then holding {"method", "undoes", "answer"}; empty and not locked: it never came
# to an end, so nothing was charged. jq rounds integers from 2^53 on: as identifiers they are refused, not confused.
if [ $# -gt 0 ]; then
  export STORE=$1.outcomes
  mkdir -p "$STORE"
  exec socat "UNIX-LISTEN:$1,fork,unlink-early" "EXEC:bash $0"
fi
exec 3>&1
declare -A registers # by connection: the register's name, else its address
fields='def plain: tojson[1:-1]; # without line breaks and separators
  def id: if type == "string" and . != "" then plain
    elif type == "number" and . == floor and fabs < 9007199254740992 then . + 0 | tostring else "" end;
  def sequence: if . == null then "-" else id | if . == "" then "" else "=" + . end end;
  select(type == "object" and (.method | type == "string") and (.params | type == "object")) | .params as $p |
  ($p.amount | type == "number" and . > 0 and . == floor and . < 9007199254740992) as $pays | [(.method | plain), has("id"),
    (.connection | tostring | plain), ($p.register // ($p.peer | strings | select(test("[.:]"))) // "" | tostring | plain),
    (($p.receipt_id | id) != "" and ($p.sequence_id | sequence) != "" and (.method == "Check" or $pays)),
    ($p.receipt_id | id), (if $p.receipt_id != null and ($p.receipt_id | id) == "" then "" else $p.sequence_id | sequence end),
    ($p.original_receipt_id | id), ($p.original_sequence_id | sequence),
    ($p.api_key | tojson)] | map(tostring) | join("\u001f")'

error() { # STRING_CODE DETAILS [CODE [OUTCOME]]
  jq -nc --arg s "$1" --arg d "$2" --argjson c "${3:-1}" --arg o "${4:-}" '{error: {code: $c, message: $d,
    data: ({string_code: $s, details: $d} + if $o == "" then {} else {outcome: $o} end)}}'
}
hash() { sha256sum <<<"$1" | cut -c1-40; }
locate() { # RECEIPT SEQUENCE: sets `folder` and `file`
  folder=$STORE/$(hash "$1") file=$folder/-
  [ "$2" = - ] || file=$folder/$(hash "$2")
}
is_running() { [ -e "$1" ] && ! flock -sn "$1" true; }
is_absent() { [ "$(jq -r .method "$1" 2>/dev/null)" = Check ]; } # reported as not found
meant() { # what `file` means: without sequence_id the one without, else those of the receipt
  if [ -s "$file" ] || is_running "$file"; then echo "$file"
  elif [ "$file" = "$folder/-" ]; then
    for each in "$folder"/*[0-9a-f]; do
      if is_running "$each" || { [ -s "$each" ] && ! is_absent "$each"; }; then echo "$each"; fi
    done
  fi
}
keep() { # FILE METHOD ANSWER [UNDOES]: on disk before anybody hears of it
  jq -nc --arg m "$2" --argjson a "$3" --arg u "${4:-}" '{method: $m, undoes: $u, answer: $a}' >"$1.new" &&
    sync "$1.new" && mv "$1.new" "$1" && sync "${1%/*}" "$STORE" && echo "$3"
}
tell() { # STATUS, to the register that pays; for all of them the copies would have to know each other
  jq -nc --arg c "$connection" --argjson p "$1" '{connection: $c, jsonrpc: "2.0", method: "StatusEvent", params: $p}' >&3
}
status() {
  for each in "$STORE"/*/*.owner; do is_running "${each%.owner}" && echo "$PROCESSING" && return; done
  echo '{"ready_for_transaction":true}'
}
PROCESSING='{"ready_for_transaction":false,"transaction_status":"PROCESSING"}'

check() {
  mapfile -t found < <(meant)
  if [ "${#found[@]}" -gt 1 ]; then error OUTCOME_UNKNOWN 'several transactions: say which by sequence_id'
  elif [ "${#found[@]}" = 1 ] && is_running "${found[0]}"; then error TRANSACTION_ACTIVE 'still running'
  elif [ "${#found[@]}" = 1 ]; then jq -c .answer "${found[0]}"
  elif is_absent "$folder/-"; then jq -c .answer "$folder/-"
  else keep "$file" Check "$(error TRANSACTION_NOT_FOUND 'no such transaction')"; fi
}
abort() { # whatever runs for this register, or what it names
  local ended=''
  for each in "$STORE"/*/*.owner; do
    jq -e --arg who "$who" --arg r "$receipt" --arg s "$sequence" --argjson k "$api_key" '.who == $who and
      ($k == null or $k == .api_key) and ($r == "" and $s == "-" or $r == .receipt and ($s == "-" or $s == .sequence))' "$each" \
      &>/dev/null && is_running "${each%.owner}" && echo 1<>"${each%.owner}.abort" && ended=yes
  done
  if [ "$ended" ]; then echo '{"result":{}}'
  else error NOTHING_TO_ABORT 'no such transaction of this register is running'; fi
}
reverse() { # of the whole amount, once
  exec 6>"$STORE/.reversals"
  flock 6
  mapfile -t found < <(locate "$original" "$original_sequence" && meant)
  local undoes=${found[0]#"$STORE/"}
  if [ "${#found[@]}" = 1 ] && [ -s "${found[0]}" ] && ! grep -rqF "\"undoes\":\"$undoes\"" "$STORE" &&
    jq -e --argjson money "$1" '.method != "Reversal" and (.answer.result | .amount == $money.amount and
      .currency == $money.currency)' "${found[0]}" &>/dev/null; then keep "$file" Reversal "{\"result\":$1}" "$undoes"
  else keep "$file" Reversal "$(error REVERSAL_REFUSED 'there is nothing to undo' 1 not-charged)"; fi
}
decide() { # nothing is charged before `keep`
  local money
  money=$(jq -c '.params | {amount, currency, response_text: "Approved"}' <<<"$line")
  if [ "$method" = Reversal ]; then reverse "$money"; else keep "$file" "$method" "{\"result\":$money}"; fi
}
pay() {
  exec 9>>"$file"
  if ! flock -w 1 9 || [ -s "$file" ] || is_absent "$folder/-"; then
    error DUPLICATE_TRANSACTION 'these identifiers were used before'
    return
  fi
  rm -f "$file.abort" && mkfifo "$file.abort" && exec 7<>"$file.abort"
  jq -nc --arg w "$who" --arg r "$receipt" --arg s "$sequence" --argjson k "$api_key" \
    '{who: $w, receipt: $r, sequence: $s, api_key: $k}' >"$file.owner"
  flock -u 8
  tell "$PROCESSING"
  if read -rt "${DELAY:-2}" -u 7; then # instead of the card and the bank
    answer=$(keep "$file" "$method" "$(error ABORTED 'the register ended it' 1 not-charged)")
  else answer=$(decide); fi
  rm -f "$file.owner" "$file.abort"
  tell "$(status)"
  echo "$answer"
}
serve() { # one that can be read and asks for something gets an answer
  case $method,$sound in
    Purchase,true | Refund,true | Reversal,true | Check,true)
      locate "$receipt" "$sequence"
      mkdir -p "$folder"
      exec 8>"$folder/.lock" # one decision about a receipt at a time
      flock 8
      if [ "$method" = Check ]; then outcome=$(check); else outcome=$(pay); fi ;;
    Purchase,* | Refund,* | Reversal,* | Check,*)
      outcome=$(error JSONRPC_INVALID_PARAMS 'receipt_id, sequence_id or amount is missing or wrong' -32602) ;;
    Abort,*) outcome=$(abort) ;;
    Status,*) outcome="{\"result\":$(status)}" ;;
    *) outcome=$(error JSONRPC_METHOD_NOT_FOUND 'no such method' -32601) ;;
  esac
  [ "$has_id" = false ] ||
    jq -c --argjson o "$outcome" '{connection, jsonrpc, id} + $o | with_entries(select(.value != null))' <<<"$line"
}
while IFS= read -r line; do
  IFS=$'\x1f' read -r method has_id connection name sound receipt sequence original original_sequence api_key \
    < <(jq -r "$fields" <<<"$line" 2>/dev/null) || continue
  [ "$method" != _Connected ] || registers[$connection]=$name
  who=${registers[$connection]:-$connection}
  if [ "$has_id" = true ] || [ "$method" = Abort ]; then serve & fi
done
wait
