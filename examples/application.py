#!/usr/bin/env python3
"""A payment application: application.py SOCKET, then posbridge --app unix:SOCKET. It decides after DELAY seconds."""
import contextlib, json, os, socketserver, sqlite3, sys, threading
from decimal import Decimal

lock, delay = threading.RLock(), float(os.getenv("DELAY", "2"))
running, registers = {}, {}  # transactions by their identifiers; by connection: where and who
db = sqlite3.connect(sys.argv[1] + ".db", isolation_level=None, check_same_thread=False)
db.execute("pragma synchronous = extra")
db.execute("create table if not exists entries (key primary key, entry)")
entries = {tuple(json.loads(key)): json.loads(entry) for key, entry in db.execute("select * from entries")}

class Number(str): pass  # as it was written: no double is so exact
def whole(value):  # the digits of an integer: 17, 17.0 and 1.7e1 are one
    with contextlib.suppress(ArithmeticError):
        number = Decimal(value if isinstance(value, Number) else "NaN")
        return str(int(number)) if number.adjusted() < 128 and number == number.to_integral_value() else None
def identifiers(params, kind=""):  # receipt_id and sequence_id ("" if missing); None where they name nothing
    receipt, sequence = (params.get(kind + name) for name in ("receipt_id", "sequence_id"))
    read = lambda value: whole(value) if isinstance(value, Number) else isinstance(value, str) and value
    key = read(receipt), "" if sequence is None else read(sequence)
    return key if key[0] and (key[1] or sequence is None) else None
def error(code, text, number=1, **more):
    return {"error": {"code": number, "message": text, "data": {"string_code": code, "details": text, **more}}}
def refused(code, text): return error(code, text, outcome="not-charged")
def keep(key, method, answer, undoes=None):  # on disk before anybody hears of it
    entry = {"method": method, "answer": answer, "undoes": undoes}
    db.execute("insert into entries values (?, ?)", [json.dumps(key), json.dumps(entry)])
    return entries.setdefault(key, entry)["answer"]
def absent(key):  # reported as not found, or the whole receipt was
    return any(entries.get(each, {}).get("method") == "Check" for each in (key, (key[0], "")))
def find(key):  # without sequence_id: the one without, else those of the receipt
    if key in entries or key[1]: return [key] if key in entries else []
    return [each for each in entries if each[0] == key[0] and not absent(each)]
def status():
    return {"ready_for_transaction": not running} | ({"transaction_status": "PROCESSING"} if running else {})
def tell():  # every register
    for connection, (attachment, _) in list(registers.items()):
        attachment.send(connection=connection, method="StatusEvent", params=status())

def check(key):
    if any(each == key or not key[1] and each[0] == key[0] for each in running):
        return error("TRANSACTION_ACTIVE", "still running")
    found = find(key)
    if len(found) > 1: return error("OUTCOME_UNKNOWN", "several transactions: say which by sequence_id")
    if found: return entries[found[0]]["answer"]
    answer = error("TRANSACTION_NOT_FOUND", "no such transaction")
    return answer if absent(key) else keep(key, "Check", answer)
def abort(params, who):  # whatever runs for this register, or what it names
    key, is_named = identifiers(params), params.get("receipt_id") is not None
    ended = [one for each, one in running.items()
             if one["who"] == who and params.get("api_key") in (None, one["api_key"])
             and (not is_named or key and each[0] == key[0] and key[1] in ("", each[1]))]
    for one in ended: one["ended"].set()
    return {"result": {}} if ended else error("NOTHING_TO_ABORT", "no such transaction of this register is running")
def decide(key, method, params, amount):  # nothing is charged before `keep`
    if running.pop(key)["ended"].is_set(): return keep(key, method, refused("ABORTED", "the register ended it"))
    money, undoes = {"amount": amount, "currency": params.get("currency")}, None
    if method == "Reversal":  # of the whole amount, once
        undone = [entry["undoes"] for entry in entries.values()]
        found = [list(each) for each in find(identifiers(params, "original_") or ("", "-"))
                 if entries[each]["method"] != "Reversal" and list(each) not in undone
                 and entries[each]["answer"].get("result", {}).items() >= money.items()]
        if len(found) != 1: return keep(key, method, refused("REVERSAL_REFUSED", "there is nothing to undo"))
        undoes = found[0]
    return keep(key, method, {"result": money | {"response_text": "Approved"}}, undoes)
def pay(method, params, who):
    key, amount = identifiers(params), int(whole(params.get("amount")) or 0)
    with lock:
        if key in running or key in entries or absent(key):
            return error("DUPLICATE_TRANSACTION", "these identifiers were used before")
        running[key] = {"who": who, "api_key": params.get("api_key"), "ended": threading.Event()}
        ended = running[key]["ended"]
    tell()
    ended.wait(delay)  # the card and the bank
    with lock: answer = decide(key, method, params, amount)
    tell()
    return answer
def answer(method, params, who):
    if method == "Status": return {"result": status()}
    if method == "Abort":
        with lock: return abort(params, who)
    if method not in ("Purchase", "Refund", "Reversal", "Check"):
        return error("JSONRPC_METHOD_NOT_FOUND", "no such method", -32601)
    if identifiers(params) is None or method != "Check" and not int(whole(params.get("amount")) or 0) > 0:
        return error("JSONRPC_INVALID_PARAMS", "receipt_id, sequence_id or amount is missing or wrong", -32602)
    if method != "Check": return pay(method, params, who)
    with lock: return check(identifiers(params))

class Attachment(socketserver.StreamRequestHandler):  # one bridge; several connections may share it
    def handle(self):
        self.turn = threading.Lock()
        for text in self.rfile:
            with contextlib.suppress(ValueError, TypeError, AttributeError, RecursionError):  # skip what cannot be read
                self.receive(json.loads(text, parse_int=Number, parse_float=Number))
        for name in [name for name, (place, _) in list(registers.items()) if place is self]: registers.pop(name, None)
    def receive(self, m):
        connection, method, params = m.get("connection"), m.get("method"), m.get("params", {})
        if method == "_Connected":  # by name, else by address: whose connection it is
            peer = params.get("peer", "")
            registers[connection] = self, params.get("register") or (peer if set(peer) & set(".:") else connection)
        elif method == "_Disconnected": registers.pop(connection, None)
        elif method == "Abort" or method and "id" in m: threading.Thread(target=self.serve, args=[m, params]).start()
    def serve(self, m, params):
        said = answer(m["method"], params, registers.get(m.get("connection"), (self, m.get("connection")))[1])
        if "id" in m: self.send(**{name: m[name] for name in ("connection", "id") if name in m}, **said)
    def send(self, **message):  # one whole line at a time; if the bridge is gone, Check finds the outcome
        with self.turn, contextlib.suppress(OSError):
            self.request.sendall(json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n")

with contextlib.suppress(FileNotFoundError): os.unlink(sys.argv[1])
socketserver.ThreadingUnixStreamServer(sys.argv[1], Attachment).serve_forever()
