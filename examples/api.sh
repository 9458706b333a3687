#!/bin/sh
# One purchase by posbridge api: api.sh URL TERMINAL AMOUNT CURRENCY [KEY], as in
#
#     sh examples/api.sh http://127.0.0.1:8480 counter 12.30 EUR
#
# TOKEN has the token, where the service wants one. Status: 0 approved, 1 not charged, 75 not known (run it again with the
# same KEY), 100 the service does not take the request. Whatever fails on the way is tried again with the same key: that
# is never a second sale.
set -eu
url=$1 terminal=$2 amount=$3 currency=$4
key=${5:-till-$(date +%s)-$$}
body=$(printf '{"amount":"%s","currency":"%s"}' "$amount" "$currency")
echo "key: $key" >&2
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

for attempt in 1 2 3 4 5 6 7 8 9 10; do
  status=$(curl -sS -o "$answer" -w '%{http_code}' --max-time 150 \
    -H "Idempotency-Key: $key" -H 'Content-Type: application/json' -H 'Prefer: wait=120' \
    ${TOKEN:+-H "Authorization: Bearer $TOKEN"} \
    -d "$body" "$url/v1/terminals/$terminal/purchases") || status=0
  case $status in
    200) # the sale has ended
      cat "$answer"
      echo
      if grep -q '"state":"approved"' "$answer"; then exit 0; fi
      exit 1
      ;;
    4*) # a busy terminal, or too many requests at once, is worth another attempt; a wrong request is not
      if [ "$status" != 409 ] && [ "$status" != 429 ]; then
        cat "$answer" >&2
        exit 100
      fi
      ;;
  esac
  echo "attempt $attempt: status $status" >&2
  sleep 1
done
exit 75
