#!/usr/bin/env python3
"""A fuel station: openfsc-station.py SOCKET, then posbridge --dialect openfsc --sites FILE --wire … --app unix:SOCKET.
Pumps 1, 2 are unlocked by the platform, 3, 4 are paid for afterwards. A line "3 45.50" on standard input fuels 45.50 litres."""
import contextlib, json, os, socketserver, sqlite3, sys, threading
from decimal import Decimal
lock, connections, unlocked, price, pumps = threading.RLock(), {}, {}, "1.629", {1: "locked", 2: "locked", 3: "free", 4: "free"}
db = sqlite3.connect(sys.argv[1] + ".db", isolation_level=None, check_same_thread=False)  # what is paid stays paid
db.execute("create table if not exists sales (id primary key, pump, sale, paid)")
def need(condition, code, text):  # OpenFSC's code
    if not condition: raise RuntimeError(code, text)
def send(out, message):
    with lock, contextlib.suppress(OSError): out.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
def push(method, params):
    for name, out in list(connections.items()): send(out, {"connection": name, "method": method, "params": params})
def set_pump(pump, status):
    pumps[pump] = status
    push("openfsc.pump", {"pump": pump, "status": status})
def answer(method, p, pump):  # the result, and the pump's status after it
    need(pump is None or pump in pumps, 404, "Pump unknown")
    sales = [json.loads(sale) for sale, in db.execute("select sale from sales where paid is null and pump = ifnull(?, pump)", [pump])]
    told = {"prices": {"prices": [{"productId": "0400", "unit": "LTR", "currency": "EUR", "pricePerUnit": price, "description": "Diesel"}]},
            "products": {"products": [{"productId": "0400", "category": "diesel", "vatRate": "19.0"}]}, "transactions": {"transactions": sales},
            "pumps": {"pumps": [{"pump": n, "status": s} for n, s in pumps.items()]}, "pumpStatus": {"pump": pump, "status": pumps.get(pump)}}
    if method in told: return told[method], None
    if method == "unlockPump":
        need(unlocked.get(pump) == p["fscTransactionId"] or pumps[pump] == "locked" and not sales, 412, "Pump is not available")
        return unlocked.update({pump: p["fscTransactionId"]}) or {}, "free"
    if method == "lockPump":
        need(pumps[pump] == "free", 423 if pumps[pump] == "locked" else 402, "Already locked, or payment pending")
        return {}, unlocked.pop(pump, None) and "locked"
    row = db.execute("select paid from sales where id = ? and pump = ?", [p["siteTransactionId"], pump]).fetchone()  # clear
    need(row, 404, "Transaction unknown")
    need(row[0] != p["fscTransactionId"], 410, "Already cleared")  # a repeated request: its answer got lost
    need(row[0] is None, 403, "Paid otherwise")
    db.execute("update sales set paid = ? where id = ?", [p["fscTransactionId"], p["siteTransactionId"]])  # on disk, then the answer
    return {}, "locked" if pump < 3 else "free"
def fuel(pump, volume):
    gross, net = [(volume * Decimal(price) / part).quantize(Decimal("0.01")) for part in (1, Decimal("1.19"))]
    sale = unlocked.pop(pump, None) or os.urandom(8).hex()
    row = {"pump": pump, "siteTransactionId": sale, "status": "open", "productId": "0400", "currency": "EUR", "priceWithVat": str(gross),
           "priceWithoutVat": str(net), "vatRate": "19.0", "vatAmount": str(gross - net), "unit": "LTR", "volume": str(volume), "pricePerUnit": price}
    db.execute("insert into sales values (?, ?, ?, null)", [sale, pump, json.dumps(row)])
    for status in ("in-use", "locked" if pump < 3 else "ready-to-pay"): set_pump(pump, status)
    push("openfsc.transaction", row)
class Attachment(socketserver.StreamRequestHandler):
    def handle(self):
        for m in map(json.loads, self.rfile):
            method, params, status = m.get("method", ""), m.get("params", {}), None
            if method == "_Connected": connections[m["connection"]] = self.wfile
            if method == "_Disconnected": connections.pop(m["connection"], None)
            if method and "id" in m:
                with lock:
                    reply = {"connection": m["connection"], "id": m["id"]}
                    try: reply["result"], status = answer(method.removeprefix("openfsc."), params, params.get("pump"))
                    except RuntimeError as no: reply["error"] = {"code": 1, "message": no.args[1], "data": {"fscCode": no.args[0]}}
                    send(self.wfile, reply)
                    if status: set_pump(params["pump"], status)
with contextlib.suppress(FileNotFoundError): os.unlink(sys.argv[1])
threading.Thread(target=lambda: [fuel(int(pump), Decimal(litres).quantize(Decimal("0.01"))) for pump, litres in map(str.split, sys.stdin)], daemon=True).start()
socketserver.ThreadingUnixStreamServer(sys.argv[1], Attachment).serve_forever()
