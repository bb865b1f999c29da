"""The Python SDK calls one tool. Usage: client.py URL KEY TOOL ARGUMENTS; prints one JSON line."""

import asyncio
import json
import sys

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client


async def main(url, key, tool, arguments):
    async with streamablehttp_client(url, headers={"authorization": f"Bearer {key}"}) as (read, write, session_id), ClientSession(read, write) as session:
        begun = await session.initialize()
        tools = sorted(one.name for one in (await session.list_tools()).tools)
        called = await session.call_tool(tool, json.loads(arguments))
        text = "\n".join(one.text for one in called.content if one.type == "text")
        print(json.dumps({"server": f"{begun.serverInfo.name} {begun.serverInfo.version}", "session": bool(session_id()), "tools": tools, "failed": called.isError, "text": text}))


asyncio.run(main(*sys.argv[1:]))
