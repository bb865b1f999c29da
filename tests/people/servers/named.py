"""A server of the Python SDK, which checks `Host` where it listens on the loopback. Usage: named.py PORT [HOST that it accepts as well]"""

import sys

from mcp.server.fastmcp import FastMCP
from mcp.server.transport_security import TransportSecuritySettings

PORT, KNOWN = int(sys.argv[1]), sys.argv[2:]
security = TransportSecuritySettings(allowed_hosts=KNOWN) if KNOWN else None
mcp = FastMCP("named", host="127.0.0.1", port=PORT, transport_security=security)


@mcp.tool()
def get_forecast(city: str) -> str:
    """Tomorrow's weather."""
    return f"{city}: sunny"


mcp.run("streamable-http")
