"""The MCP server of the interop run for both eras: FastMCP, which knows nothing of OAuth.

    python fastmcp_server.py PORT
"""

import asyncio
import sys
import time

import uvicorn
from fastmcp import Context, FastMCP
from fastmcp.server.dependencies import get_http_request
from fastmcp.server.event_store import EventStore
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.subscriptions import ResourceUpdated
from mcp_types import (CreateMessageRequest, CreateMessageRequestParams, ElicitRequest, ElicitRequestFormParams, InputRequiredResult,
                       SamplingMessage, SubscriptionsListenRequestParams, TextContent)

from seen import Seen

server = FastMCP("weather")
stations = {"north", "south"}
changes = InMemorySubscriptionBus()
# FastMCP itself serves no subscriptions; the SDK below it does.
server._mcp_server.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, ListenHandler(changes))


def modern(ctx: Context) -> bool:
    return ctx.request_context.protocol_version >= "2026"


@server.tool
def list_stations() -> list[str]:
    """The names of all weather stations."""
    return sorted(stations)


@server.tool
def get_forecast(city: str) -> str:
    """The weather of tomorrow."""
    return f"Tomorrow in {city}: sunny, 21 degrees."


@server.tool
def delete_station(id: str) -> str:
    """Removes a station for good."""
    return f"Station {id} is gone."


@server.tool
def reset_everything() -> str:
    """No rule of the gateway names this tool."""
    return "It must never come to this."


@server.tool
async def slow_count(n: int, ctx: Context) -> str:
    """Counts to n; each step is a progress notification that carries the time it was sent."""
    for step in range(1, n + 1):
        await ctx.report_progress(step, n, f"{time.time():.6f}")
        await asyncio.sleep(0.2)
    return f"Counted to {n}."


@server.tool
async def interrupted_count(n: int, ctx: Context) -> str:
    """Counts to n, and ends the stream of its answer after the first step: what follows is there for who resumes."""
    for step in range(1, n + 1):
        await ctx.report_progress(step, n, f"{time.time():.6f}")
        if step == 1:
            await ctx.close_sse_stream()
        await asyncio.sleep(0.1 if step < n - 1 else 0.4)
    return f"Counted to {n}."


@server.tool
async def rename_station(id: str, ctx: Context) -> str | InputRequiredResult:
    """Asks the user for the new name."""
    message = f"What shall station {id} be called?"
    if not modern(ctx):
        answer = await ctx.elicit(message, str)
        return f"Station {id} is now called {answer.data}."
    if ctx.input_responses is None:
        schema = {"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]}
        ask = ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))
        return InputRequiredResult(input_requests={"name": ask}, request_state=id)
    return f"Station {ctx.request_state} is now called {ctx.input_responses['name'].content['value']}."


@server.tool
async def describe_weather(city: str, ctx: Context) -> str | InputRequiredResult:
    """Asks the client's model."""
    messages = [SamplingMessage(role="user", content=TextContent(type="text", text=f"Describe the weather of {city}."))]
    if not modern(ctx):
        answer = await ctx.session.create_message(messages, max_tokens=50, related_request_id=ctx.request_id)
        return f"{city}: {answer.content.text}"
    if ctx.input_responses is None:
        ask = CreateMessageRequest(params=CreateMessageRequestParams(messages=messages, max_tokens=50))
        return InputRequiredResult(input_requests={"text": ask}, request_state=city)
    return f"{ctx.request_state}: {ctx.input_responses['text'].content.text}"


@server.tool
async def announce_station(uri: str, ctx: Context) -> str:
    """Says that a resource changed, to whoever listens: on the GET stream, or since 2026-07-28 to its subscribers."""
    if modern(ctx):
        await changes.publish(ResourceUpdated(uri))
    else:
        await ctx.session.send_resource_updated(uri)
    return "announced"


@server.tool
def get_request_headers() -> dict[str, str]:
    """What of the request's headers reached this server."""
    return dict(get_http_request().headers)


@server.resource("weather://stations/north")
def north() -> str:
    """The last reading of a station."""
    return "north: 12 degrees"


@server.prompt
def plan_a_trip(city: str) -> str:
    """A question for the model."""
    return f"What should I pack for {city}?"


if __name__ == "__main__":
    app = server.http_app(path="/mcp", event_store=EventStore(), retry_interval=350)
    uvicorn.run(Seen(app), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_graceful_shutdown=2)
