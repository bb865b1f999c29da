"""The MCP server of the soak: answers in JSON and in event streams, and writes down each message before it answers.

    python upstream.py PORT PORT2 FOLDER        listens until it is killed; a new one goes on with the same log

At the first port it speaks HTTP/1.1, at the second HTTP/2 over TLS, where it takes so many streams at a time, and says goodbye to a connection
after so many. Every message leaves one line in FOLDER/upstream.jsonl: its method and what it names. The line is written before the answer, so
that a call that ran twice shows.
"""

import asyncio
import itertools
import json
import os
import pathlib
import ssl
import sys

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import hyperframe.frame

PORT, PORT2, FOLDER = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
LOG = os.open(FOLDER / "upstream.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
STREAMS_AT_ONCE, STREAMS_EACH = 8, 200
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


def judge(method, session, body):
    """(status, fields, body) of an answer, or (200, None, events) of a stream."""
    plain = [("content-type", "application/json")]
    if method == "DELETE":
        note("DELETE", None)
        ended.add(session)
        return 200, [], b""
    if method == "GET":
        note("GET", None)
        return 200, None, silence()
    messages = json.loads(body)
    for message in messages if isinstance(messages, list) else [messages]:
        note(message["method"], named(message))
    if session in ended:
        return 404, plain, b"{}"
    if isinstance(messages, list):
        return 200, plain, json.dumps([result(message) for message in messages if "id" in message]).encode()
    if "id" not in messages:
        return 202, [], b""
    what = named(messages) or ""
    if what.startswith(("stream_", "leave_")):
        return 200, None, progress(messages, 0.05 if what.startswith("stream_") else 1)
    more = [("mcp-session-id", f"{os.getpid()}-{next(SESSIONS)}")] if messages["method"] == "initialize" else []
    return 200, plain + more, json.dumps(result(messages)).encode()


async def progress(message, pause):
    for step in (1, 2):
        yield {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": named(message), "progress": step}}
        await asyncio.sleep(pause)
    yield result(message)


async def silence():
    """Events until the client leaves."""
    for number in itertools.count():
        yield {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": number}}
        await asyncio.sleep(0.5)


def event_bytes(event):
    return f"data: {json.dumps(event)}\n\n".encode()


class Http1:
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
        status, more, answer = judge(first.split(" ")[0], fields.get("mcp-session-id"), body)
        if more is None:
            await self.stream(answer)
            return True
        head = [f"HTTP/1.1 {status} Some", f"Content-Length: {len(answer)}", *(f"{name}: {value}" for name, value in more)]
        self.writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + answer)
        await self.writer.drain()
        return True

    async def stream(self, events):
        self.writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        async for event in events:
            data = event_bytes(event)
            self.writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await self.writer.drain()
            if self.writer.is_closing() or self.reader.at_eof():
                raise EOFError
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()


class Http2:
    """One connection, which ends gracefully after so many streams: what comes after the goodbye is not looked at (RFC 9113 §6.8)."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.asked, self.answering, self.count, self.last = {}, {}, 0, None

    async def run(self):
        self.state.local_settings = h2.settings.Settings(
            client=False, initial_values={h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS_AT_ONCE}
        )
        self.state.initiate_connection()
        self.flush()
        try:
            while data := await self.reader.read(65536):
                for event in self.state.receive_data(data):
                    self.take(event)
                self.flush()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        finally:
            for task in self.answering.values():
                task.cancel()
            self.writer.close()

    def flush(self):
        self.writer.write(self.state.data_to_send())

    def take(self, event):
        number = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.DataReceived):
            self.state.acknowledge_received_data(event.flow_controlled_length, number)
        if number and self.last is not None and number > self.last:
            return
        if isinstance(event, h2.events.RequestReceived):
            self.asked[number] = (dict(event.headers), bytearray())
            self.count += 1
            if self.count == STREAMS_EACH:
                self.goodbye(number)
        elif isinstance(event, h2.events.DataReceived) and number in self.asked:
            self.asked[number][1].extend(event.data)
        elif isinstance(event, h2.events.StreamEnded) and number in self.asked:
            self.answering[number] = asyncio.create_task(self.answer(number, *self.asked.pop(number)))
        elif isinstance(event, h2.events.StreamReset):
            self.asked.pop(number, None)
            if task := self.answering.pop(number, None):
                task.cancel()

    def goodbye(self, number):
        """The frame itself: the library would send nothing after it."""
        self.last = number
        frame = hyperframe.frame.GoAwayFrame(0)
        frame.last_stream_id = number
        self.flush()
        self.writer.write(frame.serialize())

    async def answer(self, number, head, body):
        try:
            status, more, answer = judge(head[":method"], head.get("mcp-session-id"), bytes(body))
            if more is None:
                self.state.send_headers(number, [(":status", "200"), ("content-type", "text/event-stream")])
                async for event in answer:
                    self.state.send_data(number, event_bytes(event))
                    self.flush()
                self.state.end_stream(number)
            else:
                self.state.send_headers(number, [(":status", str(status)), *more], end_stream=not answer)
                if answer:
                    self.state.send_data(number, answer, end_stream=True)
            self.flush()
        except h2.exceptions.ProtocolError:
            pass
        finally:
            self.answering.pop(number, None)
            if self.last is not None and not self.answering and not self.asked:
                self.writer.close()


async def main():
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(FOLDER / "upstream.crt", FOLDER / "upstream.key")
    tls.set_alpn_protocols(["h2"])

    async def one(reader, writer):
        await Http1(reader, writer).run()

    async def two(reader, writer):
        await Http2(reader, writer).run()

    second = await asyncio.start_server(two, "127.0.0.1", PORT2, ssl=tls, reuse_address=True, backlog=1024)
    first = await asyncio.start_server(one, "127.0.0.1", PORT, reuse_address=True, backlog=1024)
    await asyncio.gather(first.serve_forever(), second.serve_forever())


asyncio.run(main())
