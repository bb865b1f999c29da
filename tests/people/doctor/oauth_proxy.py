"""A server of FastMCP with its own OAuth proxy in front of GitHub, as its documents show it."""

import sys

from fastmcp import FastMCP
from fastmcp.server.auth.providers.github import GitHubProvider

port = int(sys.argv[1])
mcp = FastMCP("weather", auth=GitHubProvider(client_id="Iv1.0123456789abcdef", client_secret="0" * 40, base_url=f"http://127.0.0.1:{port}"))


@mcp.tool
def get_forecast(city: str) -> str:
    """Tomorrow's weather."""
    return f"{city}: sunny"


mcp.run(transport="http", host="127.0.0.1", port=port, show_banner=False)
