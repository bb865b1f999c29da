"""The MCP server of the soak: answers in JSON and in event streams, and writes down each message before it answers.

    python upstream.py PORT LOG        listens until it is killed; a new one goes on with the same log

Every message leaves one line in the log: its method and what it names. The line is written before the answer, so that a call that ran twice shows.
"""

import asyncio
import itertools
import json
import os
import sys

PORT, LOG = int(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
TOOLS = ["get_a", "stream_a", "flip_a", "adm_a", "del_a", "other_a"]
SESSIONS = itertools.count(1)
ended = set()


def note(method, what):
    os.write(LOG, (json.dumps([method, what]) + "\n").encode())


def named(message):
    params = message.get("params") or {}
    return params.get("uri") or params.get("name")


def result(message):
    method, what = message["method"], named(message)
    if method == "initialize":
        said = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "soak", "version": "1"}}
    elif method == "tools/list":
        said = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}
    elif method == "resources/read":
        said = {"contents": [{"uri": what, "text": what}]}
    elif method == "prompts/get":
        said = {"messages": [{"role": "user", "content": {"type": "text", "text": what}}]}
    else:
        said = {"content": [{"type": "text", "text": what}]}
    return {"jsonrpc": "2.0", "id": message["id"], "result": said}


class Conversation:
    """One connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def run(self):
        try:
            while await self.one():
                pass
        except (OSError, EOFError):
            pass
        finally:
            self.writer.close()

    async def one(self):
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await self.reader.readexactly(int(fields.get("content-length", 0)))
        if "transfer-encoding" in fields:
            raise OSError("the gateway knows the length of each body")
        await self.answer(first.split(" ")[0], fields, body)
        return True

    async def send(self, status, body=b"", *fields):
        head = [f"HTTP/1.1 {status} Some", f"Content-Length: {len(body)}", *fields]
        self.writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        await self.writer.drain()

    async def answer(self, method, fields, body):
        session = fields.get("mcp-session-id")
        if method == "DELETE":
            note("DELETE", None)
            ended.add(session)
            return await self.send(200)
        if method == "GET":
            note("GET", None)
            return await self.stream(self.silence())
        messages = json.loads(body)
        for message in messages if isinstance(messages, list) else [messages]:
            note(message["method"], named(message))
        if session in ended:
            return await self.send(404, b"{}", "Content-Type: application/json")
        if isinstance(messages, list):
            answers = [result(message) for message in messages if "id" in message]
            return await self.send(200, json.dumps(answers).encode(), "Content-Type: application/json")
        if "id" not in messages:
            return await self.send(202)
        what = named(messages) or ""
        if what.startswith(("stream_", "leave_")):
            return await self.stream(self.progress(messages, 0.05 if what.startswith("stream_") else 1))
        more = [f"Mcp-Session-Id: {os.getpid()}-{next(SESSIONS)}"] if messages["method"] == "initialize" else []
        return await self.send(200, json.dumps(result(messages)).encode(), "Content-Type: application/json", *more)

    async def stream(self, events):
        self.writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        async for event in events:
            data = f"data: {json.dumps(event)}\n\n".encode()
            self.writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await self.writer.drain()
            if self.writer.is_closing() or self.reader.at_eof():
                raise EOFError
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def progress(self, message, pause):
        for step in (1, 2):
            yield {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": named(message), "progress": step}}
            await asyncio.sleep(pause)
        yield result(message)

    async def silence(self):
        """Events until the client leaves."""
        for number in itertools.count():
            yield {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": number}}
            await asyncio.sleep(0.5)


async def main():
    async def accept(reader, writer):
        await Conversation(reader, writer).run()

    server = await asyncio.start_server(accept, "127.0.0.1", PORT, reuse_address=True, backlog=1024)
    await server.serve_forever()


asyncio.run(main())
