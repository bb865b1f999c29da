"""A client of HTTP/1.1 that sends exactly the bytes it is given, and reads what comes back without repairing it."""

import json
import socket
import time

TIMEOUT = 15
BODY_MAX = 64 << 20


class Answer:
    """One response. `status` is 0 where the connection ended without one."""

    def __init__(self, status=0, headers=(), body=b"", whole=True, closed=False):
        self.status, self.headers, self.body, self.whole, self.closed = status, list(headers), body, whole, closed
        self.endless = False

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name):
        return next(iter(self.all(name)), None)

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def error(self):
        read = self.json()
        error = read.get("error") if isinstance(read, dict) else None
        return error if isinstance(error, dict) else {}

    @property
    def code(self):
        return self.error.get("code")

    @property
    def reason(self):
        data = self.error.get("data")
        return data.get("reason") if isinstance(data, dict) else None

    def results(self):
        """Every JSON-RPC message in the body, whatever carries them."""
        read = self.json()
        if read is not None:
            return read if isinstance(read, list) else [read]
        lines = self.body.replace(b"\r\n", b"\n").split(b"\n")
        return [json.loads(line[5:]) for line in lines if line.startswith(b"data:") and line[5:].strip()]

    def __str__(self):
        what = f"{self.status}" if self.status else "closed without an answer"
        if self.code is not None:
            what += f"/{self.code}"
        if self.reason:
            what += f" {self.reason}"
        return what


class Connection:
    """One socket, with what was read and not yet taken."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.until = time.monotonic() + TIMEOUT

    def send(self, *pieces):
        """Sends each piece in a segment of its own. That the other side stopped listening is found out by reading."""
        try:
            for piece in pieces:
                self.socket.sendall(piece)
        except OSError:
            pass

    def more(self):
        self.socket.settimeout(max(0.01, self.until - time.monotonic()))
        try:
            read = self.socket.recv(65536)
        except (ConnectionError, TimeoutError):
            read = b""
        self.buffer += read
        return bool(read)

    def take(self, count):
        while len(self.buffer) < count and self.more():
            pass
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def line(self):
        while b"\n" not in self.buffer and self.more():
            pass
        line, found, rest = self.buffer.partition(b"\n")
        self.buffer = rest
        return line.rstrip(b"\r") if found else None

    def head(self):
        """Status and fields; what is interim is skipped."""
        while True:
            start = self.line()
            if start is None:
                return Answer(closed=True)
            headers = []
            while line := self.line():
                name, _, value = line.partition(b":")
                headers.append((name.decode("latin-1"), value.decode("latin-1").strip()))
            status = int(start.split(b" ")[1])
            if status >= 200:
                return Answer(status, headers)

    def chunk(self):
        """The next piece of a chunked body; empty at its end, None where it broke off."""
        line = self.line()
        if line is None:
            return None
        size = int(line.split(b";")[0], 16)
        piece = self.take(size)
        ending = self.line()
        return piece if len(piece) == size and ending is not None else None

    def answer(self):
        """One whole response. An event stream is read for as long as it brings something, a second at most between."""
        answer = self.head()
        if answer.status in (0, 204, 304):
            return answer
        if (answer.get("content-type") or "").startswith("text/event-stream"):
            self.until = time.monotonic() + 1.0
        if "chunked" in (answer.get("transfer-encoding") or ""):
            body = bytearray()
            while len(body) < BODY_MAX and (piece := self.chunk()):
                body += piece
            answer.body, answer.whole, answer.endless = bytes(body), piece == b"", len(body) >= BODY_MAX
        elif (length := answer.get("content-length")) is not None:
            answer.body = self.take(int(length))
            answer.whole = len(answer.body) == int(length)
        else:
            while self.more():
                pass
            answer.body, self.buffer = self.buffer, b""
        return answer

    def ends(self):
        """Whether the other side hangs up."""
        self.until = time.monotonic() + 5
        while self.more():
            pass
        try:
            self.socket.settimeout(0.01)
            return self.socket.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def close(self):
        self.socket.close()


class Stream:
    """An answer that goes on: events are taken one by one."""

    def __init__(self, connection):
        self.connection = connection
        self.answer = connection.head()
        self.text = b""
        self.ended = self.answer.status != 200

    @property
    def status(self):
        return self.answer.status

    def pull(self):
        piece = self.connection.chunk()
        if not piece:
            self.ended = True
        else:
            self.text += piece

    def event(self, seconds=TIMEOUT):
        """The fields of the next event, or None where none came in time."""
        self.connection.until = time.monotonic() + seconds
        while not self.ended:
            text = self.text.replace(b"\r\n", b"\n")
            event, found, rest = text.partition(b"\n\n")
            if found:
                self.text = rest
                fields = dict(line.partition(b":")[::2] for line in event.split(b"\n") if line and not line.startswith(b":"))
                if fields:
                    return {key.decode(): value.strip().decode() for key, value in fields.items()}
                continue
            self.pull()
        return None

    def message(self, wanted=lambda message: True, seconds=TIMEOUT):
        """The next JSON-RPC message that is wanted, and the id of its event."""
        while (event := self.event(seconds)) is not None:
            if event.get("data") and wanted(message := json.loads(event["data"])):
                return message, event.get("id")
        return None, None

    def close(self):
        self.connection.close()


def exchange(port, *pieces):
    """Sends bytes on a connection of their own, and reads one answer."""
    connection = Connection(port)
    try:
        connection.send(*pieces)
        return connection.answer()
    finally:
        connection.close()


def reply(body=b"", status="200 OK", media="application/json", *lines):
    """What a scripted upstream answers."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *([f"Content-Type: {media}"] if media else []), *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def chunked(*events, media="text/event-stream"):
    """A head, and each piece as a chunk; without the end."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in events)
