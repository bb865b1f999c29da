"""The MCP server of the part `clients`: tools of the example of docs/policy.md and of the demo. Usage: server.py PORT"""

import sys

from fastmcp import FastMCP

mcp = FastMCP("clients")


@mcp.tool
def get_forecast(city: str) -> str:
    """Tomorrow's weather."""
    return f"{city}: sunny"


@mcp.tool
def list_notes() -> str:
    """All notes."""
    return "Shopping"


@mcp.tool
def write_note(title: str, text: str) -> str:
    """Writes a note."""
    return f"wrote {title}"


mcp.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), show_banner=False)
