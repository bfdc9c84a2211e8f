"""The origin's half of tiergate's lock, for any ASGI app: only requests that bring the key reach it.

    app = FastAPI()
    app.add_middleware(OriginLock)          # the last one added is the outermost
    app = OriginLock(app)                   # or around any other ASGI app

ORIGIN_KEY    the key, as in origins.*.headers of the rules; while it changes, both, separated by a space
ORIGIN_LOCK   "off": ask for nothing; "report": say in the log who came without; anything else, or unset: refuse
"""
import hmac
import logging
import os

log = logging.getLogger("origin_lock")


class OriginLock:
    def __init__(self, app, header="x-origin-key", open_paths=("/health",)):
        """open_paths: what the platform itself asks on the machine, without passing the gate (Fly's http checks)."""
        self.app = app
        self.header = header.lower().encode()
        self.open_paths = frozenset(open_paths)
        self.keys = [k.encode() for k in os.environ.get("ORIGIN_KEY", "").split()]
        self.mode = os.environ.get("ORIGIN_LOCK", "")

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan" or self.mode == "off" or self.is_open(scope) or self.has_key(scope):
            await self.app(scope, receive, send)
        elif self.mode == "report":
            log.warning("without the key: %s %s", scope.get("method", scope["type"]), scope["path"])
            await self.app(scope, receive, send)
        else:
            await self.refuse(scope, receive, send)

    def is_open(self, scope):
        return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"] in self.open_paths

    def has_key(self, scope):
        sent = [value for name, value in scope["headers"] if name.lower() == self.header]
        if len(sent) != 1:
            return False
        # compare_digest takes as long wherever two keys differ; the list is no short cut either.
        return any([hmac.compare_digest(key, sent[0]) for key in self.keys])

    async def refuse(self, scope, receive, send):
        if scope["type"] == "websocket":
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": 1008})  # before accept: the server answers 403
            return
        body = b"This address is closed. Use the public name.\n"
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store"),
                   (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body})
