#!/usr/bin/env python3
"""A payment application that keeps its duties, and a record of the money: bank.py SOCKET RECORD.

RECORD has a JSON object a line, each on the disk before anything is said about it. The last two digits of an amount decide:
01 is declined, 02 cancelled, 05 charged and then the bank dies, 06 waits for an Abort or for the file RECORD.go, 08 is charged 1.00 less.
"""
import json, os, socketserver, sys, threading, time

SOCKET, RECORD = sys.argv[1:]
lock = threading.Lock()
outcomes, running = {}, {}


def keep(**entry):
    with open(RECORD, "a") as record:
        record.write(json.dumps(entry) + "\n")
        record.flush()
        os.fsync(record.fileno())


def error(code, text):
    return {"error": {"code": 1, "message": text, "data": {"string_code": code, "details": text}}}


def key_of(params):
    return f'{params.get("receipt_id")}/{params.get("sequence_id")}'


def conclude(key, what, answer):
    keep(key=key, what=what, answer=answer)
    outcomes[key] = answer
    running.pop(key, None)
    return answer


def recall():
    if not os.path.exists(RECORD):
        return
    begun = set()
    for line in open(RECORD):
        entry = json.loads(line)
        begun.discard(entry["key"])
        if entry["what"] == "begun":
            begun.add(entry["key"])
        elif "answer" in entry:
            outcomes[entry["key"]] = entry["answer"]
    for key in begun:
        conclude(key, "cancelled", error("CANCELLED", "the bank was restarted before it decided"))


def pay(method, params):
    key, amount = key_of(params), int(params["amount"])
    with lock:
        if key in outcomes or key in running:
            return error("DUPLICATE_TRANSACTION", "these identifiers were used before")
        aborted = running[key] = threading.Event()
        keep(key=key, what="begun")
    kind = amount % 100
    while kind == 6 and not aborted.is_set() and not os.path.exists(RECORD + ".go"):
        time.sleep(0.02)
    with lock:
        if aborted.is_set():
            return conclude(key, "cancelled", error("ABORTED", "by the register"))
        if kind == 1:
            return conclude(key, "declined", error("DECLINED", "by the issuer"))
        if kind == 2:
            return conclude(key, "cancelled", error("CANCELLED", "by the cardholder"))
        paid = {
            "amount": amount - 100 if kind == 8 else amount,
            "currency": params["currency"],
            "transaction_id": f"T{len(outcomes) + 1}",
            "masked_card_number": "************1111",
            "card_scheme": "Visa",
        }
        answer = conclude(key, "refunded" if method == "Refund" else "charged", {"result": paid})
    if kind == 5:
        os._exit(1)
    return answer


def check(params):
    key = key_of(params)
    with lock:
        if key in running:
            return error("TRANSACTION_ACTIVE", "still running")
        if key not in outcomes:
            conclude(key, "promised", error("TRANSACTION_NOT_FOUND", "no such transaction"))
        return outcomes[key]


def abort(params):
    named = [key_of(params)] if "receipt_id" in params else list(running)
    for key in named:
        if key in running:
            running[key].set()
            return {"result": {}}
    return error("NOTHING_TO_ABORT", "no such transaction is running")


def answer(method, params):
    if method in ("Purchase", "Refund"):
        return pay(method, params)
    if method == "Check":
        return check(params)
    if method == "Abort":
        return abort(params)
    if method == "Status":
        return {"result": {"ready_for_transaction": not running}}
    if method == "TerminalInfo":
        return {"result": {"version": "18.9.0"}}
    return error("JSONRPC_METHOD_NOT_FOUND", "no such method")


class Attachment(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            try:
                request = json.loads(line)
            except ValueError:
                continue  # cut short
            if "method" in request and "id" in request:
                threading.Thread(target=self.respond, args=[request], daemon=True).start()
            elif request.get("method") == "Abort":
                abort(request.get("params", {}))

    def respond(self, request):
        said = answer(request["method"], request.get("params", {}))
        head = {"connection": request.get("connection"), "jsonrpc": "2.0", "id": request["id"]}
        try:
            with lock:
                self.wfile.write((json.dumps(head | said) + "\n").encode())
        except OSError:
            pass  # whoever asked is gone


class Bank(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


recall()
if os.path.exists(SOCKET):
    os.unlink(SOCKET)
bank = Bank(SOCKET, Attachment)
print("listening", flush=True)
bank.serve_forever()
