"""One purchase by posbridge api, with nothing but Python's standard library:

    python3 examples/api.py http://127.0.0.1:8480 counter 12.30 EUR [KEY]

TOKEN in the environment has the token, where the service wants one. Status: 0 approved, 1 not charged, 75 not known (run
it again with the same KEY), 100 the service does not take the request.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

ATTEMPTS = 10


def purchase(url, terminal, order, key):
    """The sale when it has ended. The same key is the same sale, so whatever fails on the way is tried again."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key, "Prefer": "wait=120"}
    if os.environ.get("TOKEN"):
        headers["Authorization"] = "Bearer " + os.environ["TOKEN"]
    request = urllib.request.Request(
        f"{url}/v1/terminals/{terminal}/purchases", json.dumps(order).encode(), headers
    )
    for _ in range(ATTEMPTS):
        try:
            with urllib.request.urlopen(request, timeout=150) as answer:
                if answer.status == 200:
                    return json.load(answer)
        except urllib.error.HTTPError as problem:
            # A busy terminal, or too many requests at once, is worth another attempt; a wrong request is not.
            if problem.code < 500 and problem.code not in (409, 429):
                print(json.load(problem)["detail"], file=sys.stderr)
                sys.exit(100)
        except OSError as fault:  # no connection, or it was cut
            print(fault, file=sys.stderr)
        time.sleep(1)
    sys.exit(75)


def main(url, terminal, amount, currency, key=None):
    key = key or f"till-{uuid.uuid4()}"  # a till stores it before it asks
    print("key:", key, file=sys.stderr)
    sale = purchase(url, terminal, {"amount": amount, "currency": currency}, key)
    print(sale["state"], sale["amount"], sale["currency"])
    for line in sale["receipts"]["customer"] or []:
        print(line)
    return 0 if sale["state"] == "approved" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
