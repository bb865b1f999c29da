"""The MCP servers of the part `cdn`, three in one Starlette application. Usage: server.py PORT

/sse/mcp   answers with event streams; a CDN before it compresses them
/json/mcp  answers with JSON, and compresses it whatever the request accepts
/mcp       mounted: Starlette redirects to /mcp/
"""

import asyncio
import contextlib
import sys
import time

import uvicorn
from fastmcp import Context, FastMCP
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount


def made():
    mcp = FastMCP("cdn")

    @mcp.tool
    def get_forecast(city: str) -> str:
        """Tomorrow's weather."""
        return f"{city}: sunny"

    @mcp.tool
    def delete_station(id: str) -> str:
        """A rule denies it."""
        return f"{id} is gone"

    @mcp.tool
    async def slow_count(n: int, ctx: Context) -> str:
        """Counts to n; each step is a progress notification that carries the time it was sent."""
        for step in range(1, n + 1):
            await ctx.report_progress(step, n, f"{time.time():.6f}")
            await asyncio.sleep(0.3)
        return f"Counted to {n}."

    return mcp


class Compressing:
    """Starlette's own compression, for requests that did not ask for it too."""

    def __init__(self, app):
        self.app = GZipMiddleware(app, minimum_size=1)

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            kept = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
            scope = {**scope, "headers": [*kept, (b"accept-encoding", b"gzip")]}
        await self.app(scope, receive, send)


sse, json, mounted = made().http_app(path="/mcp"), made().http_app(path="/mcp", json_response=True), made().http_app(path="/")


@contextlib.asynccontextmanager
async def lifespan(app):
    async with contextlib.AsyncExitStack() as all_of_them:
        for one in (sse, json, mounted):
            await all_of_them.enter_async_context(one.lifespan(app))
        yield


app = Starlette(routes=[Mount("/sse", app=sse), Mount("/json", app=Compressing(json)), Mount("/mcp", app=mounted)], lifespan=lifespan)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_graceful_shutdown=2)
