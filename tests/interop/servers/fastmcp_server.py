"""The MCP server of the interop run: plain FastMCP, which knows nothing of OAuth.

    python fastmcp_server.py PORT
"""

import asyncio
import sys
import time

from fastmcp import Context, FastMCP
from fastmcp.server.dependencies import get_http_request

server = FastMCP("weather")
stations = {"north", "south"}


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
    server.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), path="/mcp", show_banner=False)
