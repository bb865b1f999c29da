"""The MCP server of the interop run with the last Python SDK of the 1.x line: sessions, and events kept for who resumes.

    python sdk1_server.py PORT
"""

import asyncio
import sys
import time
from itertools import count

import uvicorn
from mcp.server.fastmcp import Context, FastMCP
from mcp.server.streamable_http import EventMessage, EventStore
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import SamplingMessage, TextContent
from pydantic import AnyUrl, BaseModel

from seen import Seen


class Events(EventStore):
    """All events of one session, in order."""

    def __init__(self):
        self.kept, self.ids = [], count(1)

    async def store_event(self, stream_id, message):
        self.kept.append((str(next(self.ids)), stream_id, message))
        return self.kept[-1][0]

    async def replay_events_after(self, last_event_id, send_callback):
        stream = next((s for i, s, _ in self.kept if i == last_event_id), None)
        for i, s, message in list(self.kept):
            if s == stream and int(i) > int(last_event_id) and message is not None:
                await send_callback(EventMessage(message, i))
        return stream


class Manager(StreamableHTTPSessionManager):
    """A store for each session: streams are named by request ids, and those of two sessions are alike."""

    event_store = property(lambda self: Events(), lambda self, _: None)


class Name(BaseModel):
    value: str


server = FastMCP("weather", host="127.0.0.1", port=int(sys.argv[1]), log_level="WARNING")
server._session_manager = Manager(server._mcp_server, retry_interval=350, security_settings=server.settings.transport_security)
stations = {"north", "south"}


@server.tool()
def list_stations() -> list[str]:
    """The names of all weather stations."""
    return sorted(stations)


@server.tool()
def get_forecast(city: str) -> str:
    """The weather of tomorrow."""
    return f"Tomorrow in {city}: sunny, 21 degrees."


@server.tool()
def delete_station(id: str) -> str:
    """Removes a station for good."""
    return f"Station {id} is gone."


@server.tool()
def reset_everything() -> str:
    """No rule of the gateway names this tool."""
    return "It must never come to this."


@server.tool()
async def slow_count(n: int, ctx: Context) -> str:
    """Counts to n; each step is a progress notification that carries the time it was sent."""
    for step in range(1, n + 1):
        await ctx.report_progress(step, n, f"{time.time():.6f}")
        await asyncio.sleep(0.2)
    return f"Counted to {n}."


@server.tool()
async def interrupted_count(n: int, ctx: Context) -> str:
    """Counts to n, and ends the stream of its answer after the first step: what follows is there for who resumes."""
    for step in range(1, n + 1):
        await ctx.report_progress(step, n, f"{time.time():.6f}")
        if step == 1:
            await ctx.close_sse_stream()
        await asyncio.sleep(0.1 if step < n - 1 else 0.4)
    return f"Counted to {n}."


@server.tool()
async def rename_station(id: str, ctx: Context) -> str:
    """Asks the user for the new name."""
    answer = await ctx.elicit(f"What shall station {id} be called?", Name)
    return f"Station {id} is now called {answer.data.value}."


@server.tool()
async def describe_weather(city: str, ctx: Context) -> str:
    """Asks the client's model."""
    messages = [SamplingMessage(role="user", content=TextContent(type="text", text=f"Describe the weather of {city}."))]
    answer = await ctx.session.create_message(messages, max_tokens=50, related_request_id=ctx.request_id)
    return f"{city}: {answer.content.text}"


@server.tool()
async def announce_station(uri: str, ctx: Context) -> str:
    """Says on the GET stream that a resource changed."""
    await ctx.session.send_resource_updated(AnyUrl(uri))
    return "announced"


@server.tool(structured_output=False)
def get_request_headers(ctx: Context) -> dict[str, str]:
    """What of the request's headers reached this server."""
    return dict(ctx.request_context.request.headers)


@server.resource("weather://stations/north")
def north() -> str:
    """The last reading of a station."""
    return "north: 12 degrees"


@server.prompt()
def plan_a_trip(city: str) -> str:
    """A question for the model."""
    return f"What should I pack for {city}?"


if __name__ == "__main__":
    uvicorn.run(Seen(server.streamable_http_app()), host="127.0.0.1", port=server.settings.port, log_level="warning",
                timeout_graceful_shutdown=2)
