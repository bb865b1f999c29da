"""What reached a Python server of the interop run: one JSON line per HTTP request, and no credential in it."""

import hashlib
import json
import time


class Seen:
    """ASGI middleware. Reads the body to name its method, and hands it on as it came."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        parts, more = [], True
        while more:
            part = await receive()
            parts.append(part)
            more = part["type"] == "http.request" and part.get("more_body")
        headers = {k.decode(): v.decode() for k, v in scope["headers"]}
        body = b"".join(p.get("body", b"") for p in parts)
        message = json.loads(body) if body else {}
        params, session = message.get("params") or {}, headers.get("mcp-session-id")
        print(json.dumps({
            "at": time.time(), "method": scope["method"], "rpc": message.get("method") or ("response" if message else None),
            "target": params.get("name") or params.get("uri"), "client": headers.get("x-auth-client"),
            "authorization": "authorization" in headers, "session": f"sha256:{hashlib.sha256(session.encode()).hexdigest()[:12]}" if session else None,
            "resumes": "last-event-id" in headers}), flush=True)
        replay = iter(parts)

        async def again():
            return next(replay, None) or await receive()

        await self.app(scope, again, send)
