"""A server of the Python SDK 1.x as its example `simple-auth` is: tokens of another authorization server, and the resource is the origin."""

import sys

from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.fastmcp import FastMCP


class NoTokens(TokenVerifier):
    """Accepts none."""

    async def verify_token(self, token: str) -> AccessToken | None:
        return None


port, issuer = int(sys.argv[1]), sys.argv[2]
mcp = FastMCP("simple", host="127.0.0.1", port=port, token_verifier=NoTokens(),
              auth=AuthSettings(issuer_url=issuer, required_scopes=["user"], resource_server_url=f"http://localhost:{port}"))


@mcp.tool()
def get_time() -> str:
    """The time."""
    return "noon"


mcp.run(transport="streamable-http")
