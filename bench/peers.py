"""How each proxy is told to do the same: end TLS on one port, forward to one plain origin, one thread."""
import json
import os

USER, PASSWORD = "beta", "bench-password"
HASH = "$2y$10$benchbenchbenchbenchbeK.P.vovmFLAHkEVwSEh1UTSr9FCuqpq"  # bcrypt, cost 10, of PASSWORD


class Setup:
    """One proxy in one row: where its files lie and what it shall do."""

    def __init__(self, folder, port, origin, cert, key, log, basic, websocket=False):
        self.folder, self.port, self.origin = folder, port, origin
        self.auth_port = None  # row session: a port for the cheapest auth server that there is
        self.cert, self.key, self.log, self.basic, self.websocket = cert, key, log, basic, websocket

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def path(self, name):
        return os.path.join(self.folder, name)


def floor(s, programs):
    return [programs["floor"], str(s.port), str(s.origin), s.cert, s.key], {}


def nginx(s, programs):
    s.write("htpasswd", f"{USER}:{HASH}\n")
    upgrade = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_read_timeout 1h;"
    forward = f"""proxy_pass http://origin; proxy_http_version 1.1; {upgrade if s.websocket else 'proxy_set_header Connection "";'}
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Forwarded-Host $host;"""
    auth = f"""
    location /open/ {{ {forward} }}
    location = /auth {{
      internal; proxy_pass http://auth; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_pass_request_body off; proxy_set_header Content-Length "";
    }}""" if s.auth_port else ""
    auth_server = f"""
  upstream auth {{ server 127.0.0.1:{s.auth_port}; keepalive 512; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.1:{s.auth_port}; location / {{ return 204; }} }}""" if s.auth_port else ""
    temp = "".join(f"{n}_temp_path {s.path(n)};\n" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = s.write("nginx.conf", f"""
daemon off; worker_processes 1; pid {s.path("nginx.pid")}; error_log {s.path("error.log")};
{"user root;" if os.getuid() == 0 else ""}
{"worker_rlimit_nofile 20000;" if s.websocket else ""}
events {{ worker_connections {20000 if s.websocket else 4096}; }}
http {{
  {temp}
  access_log {s.path("access.log") if s.log else "off"};
  upstream origin {{ server 127.0.0.1:{s.origin}; keepalive 512; keepalive_requests 1000000; }}
  keepalive_requests 1000000;
  server {{
    listen 127.0.0.1:{s.port} ssl http2; http2_max_concurrent_streams 128; server_name localhost;
    ssl_certificate {s.cert}; ssl_certificate_key {s.key};
    location / {{
      {f'auth_basic "bench"; auth_basic_user_file {s.path("htpasswd")};' if s.basic else ""}
      {"auth_request /auth;" if s.auth_port else ""}
      {forward}
    }}{auth}
  }}{auth_server}
}}
""")
    return ["nginx", "-e", s.path("error.log"), "-p", s.folder, "-c", config], {}


def haproxy(s, programs):
    with open(s.cert, encoding="utf-8") as c, open(s.key, encoding="utf-8") as k:
        both = s.write("both.pem", c.read() + k.read())
    config = s.write("haproxy.cfg", f"""
global
  nbthread 1
  maxconn {9000 if s.websocket else 4096}
  {"log stdout format raw local0 info" if s.log else ""}
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel 1h
  option http-keep-alive
  option forwardfor
  http-reuse always
  {"log global" if s.log else ""}
  {"option httplog" if s.log else ""}
userlist team
  user {USER} password {HASH}
frontend gate
  bind 127.0.0.1:{s.port} ssl crt {both} alpn h2,http/1.1
  {"http-request auth realm bench if !{ http_auth(team) }" if s.basic else ""}
  http-request set-header X-Forwarded-Proto https
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  default_backend origin
backend origin
  server o 127.0.0.1:{s.origin} pool-max-conn 512
""")
    return ["haproxy", "-db", "-f", config], {}


def caddy(s, programs):
    log = f'log {{\n output file {s.path("access.log")}\n }}' if s.log else ""
    auth = f"basicauth bcrypt bench {{\n {USER} {HASH}\n }}" if s.basic else ""
    config = s.write("Caddyfile", f"""
{{
  admin off
  auto_https off
}}
https://localhost:{s.port} {{
  bind 127.0.0.1
  tls {s.cert} {s.key}
  {log}
  {auth}
  reverse_proxy 127.0.0.1:{s.origin}
}}
""")
    env = {"GOMAXPROCS": "1", "XDG_DATA_HOME": s.folder, "XDG_CONFIG_HOME": s.folder, "HOME": s.folder}
    return ["caddy", "run", "--adapter", "caddyfile", "--config", config], env


def tiergate(s, programs):
    s.write("htpasswd", f"{USER}:{HASH}\n")
    rules = {
        "listen": [{"address": f"127.0.0.1:{s.port}"}],
        "certificates": [{"cert": s.cert, "key": s.key}],
        "origins": {"page": {"url": f"http://127.0.0.1:{s.origin}"}},
        "hosts": [{"host": "localhost", "origin": "page", "rules": [{"path": "/*", "action": "allow" if s.basic else "bypass"}]}],
        "log": {"to": s.path("access.log") if s.log else "none"},
    }
    rules["limits"] = {"requests_per_connection": 1000000000}
    if s.websocket:
        rules["limits"]["connections_per_address"] = 10000
    if s.basic:
        rules["gates"] = {"team": {"basic": {"realm": "bench", "htpasswd": s.path("htpasswd")}}}
        rules["hosts"][0]["gate"] = "team"
        if s.auth_port:
            rules["hosts"][0]["rules"].insert(0, {"path": "/open/*", "action": "bypass"})
    else:
        rules["hosts"][0]["public"] = True
    os.makedirs(s.path("state"), exist_ok=True)
    config = s.write("rules.json", json.dumps(rules, indent=2))
    return [programs["tiergate"], "serve", config, "--state", s.path("state"), "--threads", "1"], {}


PEERS = {"floor": floor, "nginx": nginx, "haproxy": haproxy, "caddy": caddy, "tiergate": tiergate}
