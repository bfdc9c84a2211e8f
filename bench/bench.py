#!/usr/bin/env python3
"""tiergate beside its peers: CPU per request, requests per second, latency. See bench/README.md for how to read it."""
import argparse
import base64
import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import peers

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = {  # name -> (log, basic)
    "bypass": (False, False),
    "bypass-log": (True, False),
    "basic": (False, True),
}
EXTRA = ("session", "websocket", "memory")
HTTP2 = {  # name -> (path, bytes of a response)
    "http2": ("/page", 1024),
    "http2-large": (f"/bytes/{1 << 20}", 1 << 20),
}
TITLES = {
    "bypass": "bypass, logging off",
    "bypass-log": "bypass, logging on",
    "basic": "Basic header with a bcrypt-10 hash on every request, logging off",
}
TURN_S = 2
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def session_stats(leader):
    """The fields of /proc/PID/stat of every process in the leader's session."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="latin-1") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            yield int(name), fields


def cpu_seconds(leader):
    return sum(int(f[11]) + int(f[12]) for _, f in session_stats(leader)) / TICK


def resident_kib(leader):
    total = 0
    for pid, _ in session_stats(leader):
        try:
            with open(f"/proc/{pid}/status", encoding="latin-1") as f:
                total += int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
        except (OSError, AttributeError):
            continue
    return total


class Running:
    """A server in a session of its own, ended with all its children."""

    def __init__(self, argv, port, out, env=None):
        self.out = open(out, "wb")
        self.process = subprocess.Popen(argv, stdout=self.out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        start_new_session=True, env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin", **(env or {})})
        self.pid = self.process.pid
        self.wait_for(port, argv[0], out)

    def wait_for(self, port, what, out):
        end = time.time() + 15
        while time.time() < end:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        with open(out, encoding="utf-8", errors="replace") as f:
            sys.exit(f"bench: {what} does not start:\n{f.read()[-2000:]}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.process.wait()
        self.out.close()


def compile_c(name, folder):
    out = os.path.join(folder, name)
    subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-Wall", "-o", out, os.path.join(HERE, name + ".c"), "-lssl", "-lcrypto"],
                   check=True)
    return out


def make_certificate(folder):
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-keyout", key, "-out", cert, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                   check=True, stderr=subprocess.DEVNULL)
    return cert, key


def milliseconds(text):
    m = re.match(r"([\d.]+)(us|ms|s|m)", text)
    return float(m.group(1)) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[m.group(2)] if m else float("nan")


def percentile(out, n):
    """From wrk's table of them; other lines end in a percentage too."""
    return milliseconds(re.search(rf"^ +{n}% +(\S+)", out, re.MULTILINE).group(1))


def wrk(port, seconds, connections, headers, path="/page"):
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "20s"]
    for h in headers:
        argv += ["-H", h]
    out = subprocess.run(argv + [f"https://localhost:{port}{path}"], check=True, capture_output=True, text=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    errors = re.search(r"Socket errors: (.*)", out)
    return {
        "requests": int(re.search(r"(\d+) requests in", out).group(1)),
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
        "p50": percentile(out, 50),
        "p99": percentile(out, 99),
        "trouble": ", ".join(filter(None, [bad and bad.group(0), errors and errors.group(0)])),
    }


def h2load(port, seconds, path):
    """16 connections of 16 streams each; the peers' certificate is nobody's, and h2load asks for none."""
    argv = ["h2load", "-t1", "-c16", "-m16", f"-D{seconds}", "--connect-to", f"127.0.0.1:{port}",
            f"https://localhost:{port}{path}"]
    out = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    done, failed, errored = (int(re.search(rf"(\d+) {w}", out).group(1)) for w in ("succeeded", "failed", "errored"))
    if "Application protocol: h2" not in out:
        sys.exit(f"bench: no HTTP/2:\n{out}")
    return {"requests": done, "rate": done / seconds, "trouble": f"{failed} failed, {errored} errored" if failed + errored else ""}


class Bench:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.cert, self.key = make_certificate(folder)
        self.programs = {"floor": compile_c("floor", folder), "tiergate": os.path.abspath(args.tiergate)}
        self.origin_port = free_port()
        self.origin = Running([compile_c("origin", folder), str(self.origin_port)], self.origin_port, folder + "/origin.out")

    def start(self, name, log, basic, websocket_origin=None, auth_port=None):
        home = tempfile.mkdtemp(prefix=name + "-", dir=self.folder)
        port = free_port()
        setup = peers.Setup(home, port, websocket_origin or self.origin_port, self.cert, self.key, log, basic,
                            websocket_origin is not None)
        setup.auth_port = auth_port
        argv, env = peers.PEERS[name](setup, self.programs)
        return Running(argv, port, home + "/out", env), port, home

    def measure(self, name, log, basic):
        server, port, home = self.start(name, log, basic)
        login = base64.b64encode(f"{peers.USER}:{peers.PASSWORD}".encode()).decode()
        headers = [f"Authorization: Basic {login}"] if basic else []
        try:
            # A peer that hashes on its only thread would still work for requests of the warm-up when the clock starts.
            wrk(port, 1, self.args.connections, headers)
            time.sleep(2.5 if basic else 0)
            before = cpu_seconds(server.pid)
            result = wrk(port, self.args.seconds, self.args.connections, headers)
            time.sleep(0.1)
            result["cpu"] = (cpu_seconds(server.pid) - before) / max(result["requests"], 1) * 1e6
            return result
        finally:
            server.stop()
            shutil.rmtree(home, ignore_errors=True)

    def row(self, row):
        log, basic = ROWS[row]
        names = [n for n in self.args.peers if not (n == "floor" and (log or basic))]
        runs = {n: [] for n in names}
        for _ in range(self.args.rounds):
            for n in names:
                runs[n].append(self.measure(n, log, basic))
        return {n: {k: statistics.median(r[k] for r in rs) for k in ("cpu", "rate", "p50", "p99")} |
                {"trouble": next((r["trouble"] for r in rs if r["trouble"]), "")} for n, rs in runs.items()}


def print_row(row, results):
    print(f"\n{TITLES[row]}")
    print(f"  {'':10} {'CPU µs/request':>15} {'requests/s':>12} {'p50 ms':>9} {'p99 ms':>9}")
    for name, r in results.items():
        print(f"  {name:10} {r['cpu']:15.1f} {r['rate']:12.0f} {r['p50']:9.2f} {r['p99']:9.2f}  {r['trouble']}")
    sys.stdout.flush()


def http2(bench, row):
    """All run at a time, and are asked in turns of two seconds: what else the machine does meets all of a turn alike."""
    path, size = HTTP2[row]
    names = [n for n in bench.args.peers if n != "floor"]
    servers, runs = {n: bench.start(n, False, False) for n in names}, {n: [] for n in names}
    try:
        for n in names:
            h2load(servers[n][1], 1, path)
        for turn in range(bench.args.turns):
            for n in names if turn % 2 else reversed(names):
                before = cpu_seconds(servers[n][0].pid)
                r = h2load(servers[n][1], TURN_S, path)
                time.sleep(0.1)
                r["cpu"] = (cpu_seconds(servers[n][0].pid) - before) / max(r["requests"], 1) * 1e6
                runs[n].append(r)
    finally:
        for server, _, home in servers.values():
            server.stop()
            shutil.rmtree(home, ignore_errors=True)
    print_http2(size, bench.args.turns, runs)


def print_http2(size, turns, runs):
    """The ratio is the median of those of each turn, with the least and the greatest of them."""
    print(f"\nHTTP/2 over TLS, 16 connections of 16 streams, responses of {size} bytes, bypass, logging off; median of "
          f"{turns} turns")
    print(f"  {'':10} {'CPU µs/request':>15} {'CPU ns/KiB':>12} {'requests/s':>12}")
    for name, rs in runs.items():
        cpu, rate = (statistics.median(r[k] for r in rs) for k in ("cpu", "rate"))
        trouble = next((r["trouble"] for r in rs if r["trouble"]), "")
        print(f"  {name:10} {cpu:15.1f} {cpu * 1000 / (size / 1024):12.1f} {rate:12.0f}  {trouble}")
    for other in ("nginx", "haproxy"):
        if other in runs and "tiergate" in runs:
            ratios = sorted(t["cpu"] / o["cpu"] for t, o in zip(runs["tiergate"], runs[other]))
            print(f"  tiergate : {other:10} {statistics.median(ratios):6.2f}  ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    sys.stdout.flush()


def print_ratios(all_results):
    def cpu(row, name):
        return all_results.get(row, {}).get(name, {}).get("cpu")

    def ratio(text, a, b):
        if a and b:
            print(f"  {text:58} {a / b:6.2f}")

    print("\nratios of CPU per request")
    ratio("tiergate : floor, bypass", cpu("bypass", "tiergate"), cpu("bypass", "floor"))
    ratio("tiergate : nginx, bypass", cpu("bypass", "tiergate"), cpu("bypass", "nginx"))
    ratio("tiergate : nginx, bypass with log", cpu("bypass-log", "tiergate"), cpu("bypass-log", "nginx"))
    ratio("tiergate with Basic : tiergate bypass", cpu("basic", "tiergate"), cpu("bypass", "tiergate"))


def cookie_of(port):
    """Signs in, as whatever way: what the cookie holds is judged alike."""
    login = base64.b64encode(f"{peers.USER}:{peers.PASSWORD}".encode()).decode()
    connection = http.client.HTTPSConnection("localhost", port, context=ssl._create_unverified_context(), timeout=20)
    connection.request("GET", "/page", headers={"Authorization": f"Basic {login}"})
    cookie = connection.getresponse().getheader("Set-Cookie")
    connection.close()
    if not cookie:
        sys.exit("bench: nobody is signed in")
    return cookie.split(";")[0]


def session(bench):
    """A valid session beside a bypassed path of the same server, asked with the same fields; nginx asks a server of its own, which says 204."""
    paths = {"bypassed": "/open/page", "session": "/page"}
    names = [n for n in ("tiergate", "nginx") if n in bench.args.peers]
    servers = {n: bench.start(n, False, n == "tiergate", auth_port=free_port()) for n in names}
    try:
        headers = ["Cookie: " + (cookie_of(servers["tiergate"][1]) if "tiergate" in names else "session=" + "x" * 200)]
        runs = {(n, p): [] for n in names for p in paths}
        for turn in range(bench.args.rounds + 1):
            for n in names:
                for p in paths if turn % 2 else reversed(paths):
                    before = cpu_seconds(servers[n][0].pid)
                    r = wrk(servers[n][1], bench.args.seconds if turn else 1, bench.args.connections, headers, paths[p])
                    time.sleep(0.1)
                    r["cpu"] = (cpu_seconds(servers[n][0].pid) - before) / max(r["requests"], 1) * 1e6
                    if r["trouble"]:
                        sys.exit(f"bench: {n}, {p}: {r['trouble']}")
                    if turn:
                        runs[n, p].append(r["cpu"])
    finally:
        for server, _, home in servers.values():
            server.stop()
            shutil.rmtree(home, ignore_errors=True)
    print_session(names, paths, runs)


def print_session(names, paths, runs):
    """The ratio is the median of those of each turn: what else the machine does meets both halves of a turn alike."""
    print("\na valid session cookie beside a bypassed path, same fields, logging off (nginx: auth_request to a server that says 204)")
    print(f"  {'':10}" + "".join(f" {p + ' µs':>15}" for p in paths) + f" {'ratio':>8}")
    for n in names:
        ratio = statistics.median(s / b for s, b in zip(runs[n, "session"], runs[n, "bypassed"]))
        print(f"  {n:10}" + "".join(f" {statistics.median(runs[n, p]):15.1f}" for p in paths) + f" {ratio:8.3f}")
    sys.stdout.flush()


def websocket(bench):
    """CPU per echoed message, then resident memory per socket that has echoed once and is silent."""
    args, runs = bench.args, {n: [] for n in bench.args.peers}
    for _ in range(args.rounds):
        for name, values in websocket_round(bench).items():
            runs[name].append(values)
    print(f"\nWebSockets: messages of 100 bytes echoed on {args.connections} sockets, each peer beside tiergate; "
          f"memory of {args.sockets} silent ones")
    print(f"  {'':10} {'CPU µs/message':>15} {'KiB/socket':>12}")
    median = {n: [statistics.median(v) for v in zip(*rs)] for n, rs in runs.items()}
    for name, (cpu, kib) in median.items():
        print(f"  {name:10} {cpu:15.2f} {kib:12.2f}")
    if "tiergate" in median and "nginx" in median:
        print(f"  tiergate : nginx, CPU per message {median['tiergate'][0] / median['nginx'][0]:6.2f}")
        print(f"  tiergate : nginx, memory per idle socket {median['tiergate'][1] / median['nginx'][1]:6.2f}")


def websocket_round(bench):
    """Each peer beside tiergate; tiergate's own figures are those beside nginx."""
    results, others = {}, [n for n in bench.args.peers if n != "tiergate"]
    for other in others or ["tiergate"]:
        pair = side_by_side(bench, {other, *(n for n in bench.args.peers if n == "tiergate")})
        results |= pair if other == "nginx" or "tiergate" not in results else {other: pair[other]}
    return results


def side_by_side(bench, names):
    """They echo at the same time, so that whatever else the machine does meets them alike."""
    client, origin = compile_c("ws_client", bench.folder), compile_c("ws_origin", bench.folder)
    lanes = []
    try:
        for name in sorted(names):
            lanes.append(Lane(bench, name, client, origin))
        for lane in lanes:
            lane.sockets.echo(0.5)
        workers = [threading.Thread(target=lane.measure, args=(bench.args.seconds,)) for lane in lanes]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
        for lane in lanes:
            lane.sockets.close()
        time.sleep(0.5)
        return {lane.name: (lane.cpu, idle_memory(bench, client, lane.server, lane.port)) for lane in lanes}
    finally:
        for lane in lanes:
            lane.stop()


class Lane:
    """One proxy with an origin and a load generator of its own."""

    def __init__(self, bench, name, client, origin):
        self.name, self.cpu = name, float("nan")
        port = free_port()
        self.origin = Running([origin, str(port)], port, f"{bench.folder}/ws_origin-{name}.out")
        self.server, self.port, self.home = bench.start(name, False, False, port)
        self.sockets = Sockets(client, self.port, bench.args.connections)

    def measure(self, seconds):
        before = cpu_seconds(self.server.pid)
        echoed = self.sockets.echo(seconds)
        self.cpu = (cpu_seconds(self.server.pid) - before) / echoed * 1e6

    def stop(self):
        self.server.stop()
        self.origin.stop()
        shutil.rmtree(self.home, ignore_errors=True)


class Sockets:
    """The load generator with its sockets open; they are silent until it is told to echo."""

    def __init__(self, client, port, count):
        self.process = subprocess.Popen([client, str(port), str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.expect("open")

    def expect(self, word):
        line = self.process.stdout.readline().split()
        if not line or line[0] != word:
            sys.exit(f"bench: ws_client said {line} and not {word}")
        return int(line[1])

    def echo(self, seconds):
        self.process.stdin.write(f"go {seconds}\n")
        self.process.stdin.flush()
        return self.expect("echoed")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def idle_memory(bench, client, server, port):
    base = resident_kib(server.pid)
    sockets = Sockets(client, port, bench.args.sockets)
    time.sleep(2)
    held = resident_kib(server.pid)
    sockets.close()
    return (held - base) / bench.args.sockets


def transfer(argv, server, seconds_limit):
    """Runs one curl and gives the highest resident memory of the server meanwhile."""
    peak = 0
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as curl:
        end = time.time() + seconds_limit
        while curl.poll() is None:
            peak = max(peak, resident_kib(server.pid))
            if time.time() > end:
                curl.kill()
            time.sleep(0.05)
    if curl.returncode != 0:
        sys.exit(f"bench: curl failed with {curl.returncode}")
    return peak


def memory(bench, gigabytes):
    size = gigabytes * 1000 ** 3
    server, port, home = bench.start("tiergate", False, True)
    sparse, limit = home + "/sparse", 1800
    url = f"https://localhost:{port}"
    curl = ["curl", "-sS", "--fail", "--cacert", bench.cert, "-u", f"{peers.USER}:{peers.PASSWORD}"]
    up = lambda n: (os.truncate(os.open(sparse, os.O_CREAT | os.O_RDWR, 0o600), n), curl + ["-H", "Expect:", "-T", sparse, url + "/up"])[1]
    down = lambda n: curl + ["-o", "/dev/null", f"{url}/bytes/{n}"]
    try:
        transfer(up(10 ** 8), server, limit)
        transfer(down(10 ** 8), server, limit)
        time.sleep(0.3)
        base = resident_kib(server.pid)
        print(f"\nresident memory of all processes after 100 MB each way: {base} KiB")
        for name, argv in (("upload", up(size)), ("download", down(size))):
            started = time.time()
            peak = transfer(argv, server, limit)
            took = time.time() - started
            grown = (peak - base) / 1024
            print(f"  {gigabytes} GB {name}: highest {peak} KiB, grown by {grown:.2f} MiB, {size / took / 1e6:.0f} MB/s")
            if grown >= 4:
                sys.exit(f"bench: the {name} makes memory grow by 4 MiB or more")
    finally:
        server.stop()


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("rows", nargs="*", metavar="ROW", help="bypass, bypass-log, basic, session, websocket, http2, http2-large (default: these), or memory")
    p.add_argument("--tiergate", default="build/tiergate")
    p.add_argument("--peers", type=lambda s: s.split(","), default=list(peers.PEERS), help="comma separated")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=int, default=4)
    p.add_argument("--turns", type=int, default=12, help=f"of {TURN_S} s, for the rows http2 and http2-large, instead of rounds and seconds")
    p.add_argument("--connections", type=int, default=32)
    p.add_argument("--sockets", type=int, default=4000, help="silent ones, for the row websocket")
    p.add_argument("--gigabytes", type=int, default=10, help="for the row memory")
    args = p.parse_args()
    unknown = [r for r in args.rows if r not in ROWS and r not in EXTRA and r not in HTTP2] + [n for n in args.peers if n not in peers.PEERS]
    if unknown:
        p.error(f"unknown: {', '.join(unknown)}")
    args.rows = args.rows or [*ROWS, "session", "websocket", *HTTP2]
    return args


def main():
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="tiergate-bench-") as folder:
        os.chmod(folder, 0o755)
        bench = Bench(args, folder)
        try:
            if any(r in ROWS for r in args.rows):
                print(f"HTTP/1.1 keep-alive over TLS, 1 KiB, {args.connections} connections, one thread each; "
                      f"median of {args.rounds} interleaved rounds of {args.seconds} s")
            results = {}
            for row in [r for r in args.rows if r in ROWS]:
                results[row] = bench.row(row)
                print_row(row, results[row])
            if results:
                print_ratios(results)
            if "session" in args.rows:
                session(bench)
            if "websocket" in args.rows:
                websocket(bench)
            for row in [r for r in args.rows if r in HTTP2]:
                http2(bench, row)
            if "memory" in args.rows:
                memory(bench, args.gigabytes)
        finally:
            bench.origin.stop()


if __name__ == "__main__":
    main()
