"""Clients of the soak: one connection each of HTTP/1.1 and of HTTP/2, over TLS, from an address of the loopback that the caller chooses."""

import asyncio
import ssl

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

PATIENCE = 30


class Gone(Exception):
    """The connection ended before the answer did."""


class Answer:
    """The head of an answer; its pieces follow from `piece`, which gives b"" at a proper end and raises `Gone` at any other."""

    def __init__(self, status, fields, piece, leave):
        self.status, self.fields, self.piece, self.leave = status, fields, piece, leave

    async def rest(self):
        whole = b""
        while data := await self.piece():
            whole += data
        return whole


class Http1:
    """One request at a time."""

    def __init__(self, tls, host, port, authority, source):
        self.tls, self.at, self.authority, self.source = tls, (host, port), authority, source
        self.writer = None

    async def ask(self, method, path, fields, body=b""):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(*self.at, ssl=self.tls, server_hostname="localhost", local_addr=(self.source, 0))
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.authority}", *(f"{name}: {value}" for name, value in fields)]
        if method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        try:
            self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            return await asyncio.wait_for(self.head(), PATIENCE)
        except (OSError, EOFError, asyncio.TimeoutError) as fault:
            self.close()
            raise Gone(f"before the answer: {fault!r}") from fault

    async def head(self):
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.left = int(fields.get("content-length", 0))
        self.closes = fields.get("connection", "").lower() == "close"
        piece = self.chunk if fields.get("transfer-encoding") == "chunked" else self.counted
        return Answer(int(first.split(" ")[1]), fields, self.guarded(piece), self.leave)

    def guarded(self, read):
        async def piece():
            try:
                data = await asyncio.wait_for(read(), PATIENCE)
            except (OSError, EOFError, ValueError, asyncio.TimeoutError) as fault:
                self.close()
                raise Gone(f"in the answer: {fault!r}") from fault
            if not data and self.closes:
                self.close()
            return data

        return piece

    async def counted(self):
        data, self.left = await self.reader.readexactly(self.left), 0
        return data

    async def chunk(self):
        size = int((await self.reader.readuntil(b"\r\n")).strip(), 16)
        data = await self.reader.readexactly(size + 2)
        return data[:size]

    async def leave(self):
        self.close()

    def close(self):
        if self.writer is not None:
            self.writer.close()
            self.writer = None


class Http2:
    """Many requests at a time."""

    def __init__(self, tls, host, port, authority, source):
        self.tls, self.at, self.authority, self.source = tls, (host, port), authority, source
        self.writer, self.reading, self.opening = None, None, asyncio.Lock()

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection(*self.at, ssl=self.tls, server_hostname="localhost", local_addr=(self.source, 0))
        if self.writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            raise RuntimeError("the gateway did not agree on HTTP/2")
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.state.initiate_connection()
        self.streams, self.leaving = {}, False
        self.flush()
        self.reading = asyncio.create_task(self.read(self.reader, self.writer, self.state, self.streams))

    def flush(self):
        self.writer.write(self.state.data_to_send())

    async def read(self, reader, writer, state, streams):
        try:
            while data := await reader.read(65536):
                for event in state.receive_data(data):
                    self.take(event, state, streams)
                writer.write(state.data_to_send())
        except (OSError, h2.exceptions.ProtocolError):
            pass
        for events in streams.values():
            events.put_nowait(Gone("the connection ended"))
        writer.close()
        if self.writer is writer:
            self.writer = None

    def take(self, event, state, streams):
        if isinstance(event, h2.events.ConnectionTerminated):
            self.leaving = True
        events = streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.DataReceived):
            state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if events is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            events.put_nowait(dict(event.headers))
        elif isinstance(event, h2.events.DataReceived) and event.data:
            events.put_nowait(event.data)
        elif isinstance(event, h2.events.StreamEnded):
            events.put_nowait(b"")
        elif isinstance(event, h2.events.StreamReset):
            events.put_nowait(Gone(f"reset with {event.error_code!r}"))

    async def ask(self, method, path, fields, body=b""):
        async with self.opening:
            if self.writer is None or self.leaving:
                await self.open()
        state, streams = self.state, self.streams
        number, events = state.get_next_available_stream_id(), asyncio.Queue()
        streams[number] = events
        head = [(":method", method), (":scheme", "https"), (":authority", self.authority), (":path", path)]
        state.send_headers(number, head + [(name.lower(), value) for name, value in fields], end_stream=not body)
        if body:
            state.send_data(number, body, end_stream=True)
        self.flush()

        async def piece():
            try:
                event = await asyncio.wait_for(events.get(), PATIENCE)
            except asyncio.TimeoutError:
                event = Gone("nothing came in time")
            if isinstance(event, Gone) or event == b"":
                streams.pop(number, None)
            if isinstance(event, Gone):
                raise event
            return event

        async def leave():
            streams.pop(number, None)
            if self.state is state and self.writer is not None:
                state.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
                self.flush()

        head = await piece()
        return Answer(int(head[":status"]), head, piece, leave)

    def close(self):
        if self.writer is not None:
            self.writer.close()
        if self.reading is not None:
            self.reading.cancel()


def tls_context(authority, protocol):
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols([protocol])
    return context
