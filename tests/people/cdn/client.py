"""httpx and the Python SDK as MCP clients. Usage: client.py httpx|identity|sdk URL TOKEN [URL TOKEN …]; prints one JSON line for each."""

import asyncio
import json
import sys
import time
from importlib.metadata import version

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "httpx", "version": "1"}}


async def plain(url, token, name):
    said = {"client": f"httpx {httpx.__version__}{' that accepts identity' if name == 'identity' else ''}", "url": url, "codings": {}, "progress": []}
    headers = {"accept": "application/json, text/event-stream", "authorization": f"Bearer {token}", **({"accept-encoding": "identity"} if name == "identity" else {})}
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:
        async def post(message, take=lambda message: None):
            async with client.stream("POST", url, json={"jsonrpc": "2.0", **message}) as answer:
                said["codings"][message.get("params", {}).get("name") or message["method"]] = answer.headers.get("content-encoding")
                last = None
                async for line in answer.aiter_lines():
                    text = line.removeprefix("data: ")
                    if text.startswith("{"):
                        last = json.loads(text)
                        take(last)
                answer.raise_for_status()
                return answer, last

        def progress(message):
            if message.get("method") == "notifications/progress":
                said["progress"].append({"sent": float(message["params"]["message"]), "arrived": time.time()})

        began, _ = await post({"id": 1, "method": "initialize", "params": HELLO})
        client.headers.update({"mcp-session-id": began.headers["mcp-session-id"], "mcp-protocol-version": HELLO["protocolVersion"]})
        await post({"method": "notifications/initialized"})
        said["tools"] = sorted(tool["name"] for tool in (await post({"id": 2, "method": "tools/list"}))[1]["result"]["tools"])
        called = await post({"id": 3, "method": "tools/call", "params": {"name": "get_forecast", "arguments": {"city": "Oslo"}}})
        said["called"] = called[1]["result"]["content"][0]["text"]
        counted = await post({"id": 4, "method": "tools/call", "params": {"name": "slow_count", "arguments": {"n": 4}, "_meta": {"progressToken": "p"}}}, progress)
        said["counted"] = counted[1]["result"]["content"][0]["text"]
    return said


async def sdk(url, token, _name):
    said = {"client": f"mcp {version('mcp')}", "url": url, "progress": []}

    async def progress(_progress, _total, message):
        said["progress"].append({"sent": float(message), "arrived": time.time()})

    async with streamablehttp_client(url, headers={"authorization": f"Bearer {token}"}) as (read, write, _), ClientSession(read, write) as session:
        await session.initialize()
        said["tools"] = sorted(tool.name for tool in (await session.list_tools()).tools)
        said["called"] = (await session.call_tool("get_forecast", {"city": "Oslo"})).content[0].text
        said["counted"] = (await session.call_tool("slow_count", {"n": 4}, progress_callback=progress)).content[0].text
    return said


async def main(name, *pairs):
    for url, token in zip(pairs[::2], pairs[1::2]):
        try:
            said = await (sdk if name == "sdk" else plain)(url, token, name)
        except Exception as fault:
            while getattr(fault, "exceptions", None):
                fault = fault.exceptions[0]
            said = {"client": name, "url": url, "error": f"{type(fault).__name__}: {fault}"}
        print(json.dumps(said), flush=True)


asyncio.run(main(*sys.argv[1:]))
