#!/usr/bin/env python3
"""A payment application: application.py SOCKET, then posbridge --app unix:SOCKET. Approves after DELAY seconds."""
import contextlib, json, os, socketserver, sqlite3, sys, threading, time

lock, running, delay = threading.Lock(), set(), float(os.getenv("DELAY", "2"))
db = sqlite3.connect(sys.argv[1] + ".db", isolation_level=None, check_same_thread=False)
db.execute("create table if not exists outcomes (key primary key, outcome)")
def error(code, text, number=1):
    return {"error": {"code": number, "message": text, "data": {"string_code": code, "details": text}}}
def keep(key, outcome):  # on disk before anybody hears of it
    return db.execute("insert into outcomes values (?, ?)", [key, json.dumps(outcome)]) and outcome
def answer(method, params):
    if method == "Status": return {"result": {"ready_for_transaction": not running}}
    if method not in ("Purchase", "Check"): return error("JSONRPC_METHOD_NOT_FOUND", "no such method", -32601)
    ids, amount = [params.get("receipt_id"), params.get("sequence_id")], params.get("amount")
    if None in ids or method == "Purchase" and not (type(amount) is int and amount > 0):
        return error("JSONRPC_INVALID_PARAMS", "receipt_id, sequence_id or amount is missing or wrong", -32602)
    key = json.dumps([str(value) for value in ids])
    with lock:
        row = db.execute("select outcome from outcomes where key = ?", [key]).fetchone()
        known = error("TRANSACTION_ACTIVE", "still running") if key in running else row and json.loads(row[0])
        if method == "Check": return known or keep(key, error("TRANSACTION_NOT_FOUND", "no such transaction"))
        if known: return error("DUPLICATE_TRANSACTION", "these identifiers were used before")
        running.add(key)
    time.sleep(delay)  # the card and the bank; nothing is charged before `keep`
    with lock:
        return running.remove(key) or keep(key, {"result": {"amount": amount, "currency": params.get("currency")}})
class Attachment(socketserver.StreamRequestHandler):  # one bridge; several connections may share it
    def handle(self):
        turn = threading.Lock()  # one whole line at a time
        for text in self.rfile:
            with contextlib.suppress(ValueError, TypeError):  # skip what cannot be read, or asks for nothing
                m = json.loads(text)
                if "method" in m and "id" in m: threading.Thread(target=self.serve, args=[turn, m]).start()
    def serve(self, turn, m):
        reply = {k: m[k] for k in ("connection", "jsonrpc", "id") if k in m} | answer(m["method"], m.get("params", {}))
        with turn, contextlib.suppress(OSError):  # if the bridge is gone, Check finds the outcome
            self.request.sendall(json.dumps(reply).encode() + b"\n")
with contextlib.suppress(FileNotFoundError): os.unlink(sys.argv[1])
socketserver.ThreadingUnixStreamServer(sys.argv[1], Attachment).serve_forever()
