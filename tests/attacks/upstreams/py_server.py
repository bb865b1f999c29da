"""The Python upstream: the SDK of the 2.x line in both eras, which picks the era by the header and the last of two equal members.

    python py_server.py LOG        prints "port N" when it listens

/mcp: sessions, GET streams and one event store for all; /open: no sessions; /sse and /messages/: the transport of 2024-11-05. Requests of
2026-07-28 are served at both, with the tasks extension, which the SDK leaves to its users: this one keeps tasks for whoever names them.
"""

import contextlib
import json
import socket
import sys
import uuid
from typing import Annotated, Any

import anyio
import uvicorn
from mcp.server.caching import CacheHint
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp.server.streamable_http import EventMessage, EventStore
from mcp_types import RequestParams, SamplingMessage, TextContent
from pydantic import BaseModel, Field
from starlette.applications import Starlette

LOG = open(sys.argv[1], "ab", buffering=0)
MODERN = frozenset({"2026-07-28"})


def note(record):
    LOG.write(json.dumps(record).encode() + b"\n")


def did(what):
    note({"kind": "did", "what": what})


class Events(EventStore):
    """One store for all sessions: the next events of the same stream go to whoever names the one before."""

    def __init__(self):
        self.events = []

    async def store_event(self, stream_id, message):
        self.events.append((str(uuid.uuid4()), stream_id, message))
        return self.events[-1][0]

    async def replay_events_after(self, last_event_id, send_callback):
        start, stream = next((at, stream) for at, (ident, stream, _) in enumerate(self.events) if ident == last_event_id)
        for ident, owner, message in self.events[start + 1 :]:
            if owner == stream and message is not None:
                await send_callback(EventMessage(message, ident))
        return stream


class TaskParams(RequestParams):
    task_id: str = Field(alias="taskId")


class Tasks(Extension):
    """The tasks extension of 2026-07-28, without a notion of users."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self):
        self.tasks: dict[str, dict[str, Any]] = {}

    def methods(self):
        return [
            MethodBinding(name, TaskParams, getattr(self, name.removeprefix("tasks/")), MODERN)
            for name in ("tasks/get", "tasks/update", "tasks/cancel")
        ]

    async def intercept_tool_call(self, params, ctx, call_next):
        if params.name not in ("work", "danger_work") or ctx.protocol_version not in MODERN:
            return await call_next(ctx)
        did(f"tool {params.name}")
        task = str(uuid.uuid4())
        self.tasks[task] = {
            "resultType": "task",
            "taskId": task,
            "status": "working",
            "ttlMs": 60000,
            "pollIntervalMs": 50,
            "createdAt": "2026-11-21T00:00:00Z",
            "lastUpdatedAt": "2026-11-21T00:00:00Z",
        }
        return self.tasks[task]

    def _found(self, what, params):
        did(f"task {what} {params.task_id}")
        return {**self.tasks[params.task_id], "resultType": "complete"}

    async def get(self, ctx, params):
        return self._found("get", params)

    async def update(self, ctx, params):
        self._found("update", params)
        return {"resultType": "complete"}

    async def cancel(self, ctx, params):
        self._found("cancel", params)
        return {"resultType": "complete"}


# Tells every cache that the list is the same for everybody, which it is not behind a gateway that filters it.
mcp = MCPServer("attacked", extensions=[Tasks()], log_level="WARNING", cache_hints={"tools/list": CacheHint(60_000, "public")})


@mcp.tool()
async def safe(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Tenant"})] = "") -> str:
    """safe"""
    did("tool safe")
    return "safe was run"


def plain(name):
    async def tool() -> str:
        did(f"tool {name}")
        return f"{name} was run"

    mcp.add_tool(tool, name=name, description=name)


for plain_name in ("danger", "hidden", "work", "danger_work"):
    plain(plain_name)


@mcp.tool()
async def slow() -> str:
    """waits to be cancelled"""
    did("tool slow")
    try:
        await anyio.sleep(20)
    except anyio.get_cancelled_exc_class():
        did("slow was cancelled")
        raise
    return "slow is done"


class Which(BaseModel):
    which: str


async def which() -> Elicit[Which]:
    return Elicit("Which?", Which)


@mcp.tool()
async def ask(answer: Annotated[Which, Resolve(which)]) -> str:
    """asks its user"""
    did(f"ask was told {answer.which}")
    return f"asked: {answer.which}"


@mcp.tool()
async def sample(ctx: Context) -> str:
    """asks a model"""
    did("tool sample")
    told = await ctx.session.create_message(
        [SamplingMessage(role="user", content=TextContent(type="text", text="Well?"))], max_tokens=9, related_request_id=ctx.request_id
    )
    did(f"sample was told {told.content}")
    return f"sampled: {told.content}"


@mcp.tool()
async def announce(ctx: Context) -> str:
    """sends an event to the GET stream"""
    did("tool announce")
    await ctx.session.send_resource_list_changed()
    return "announced"


@mcp.resource("file:///pub/a")
def pub() -> str:
    did("resource file:///pub/a")
    return "pub"


@mcp.resource("file:///secret/b")
def secret() -> str:
    did("resource file:///secret/b")
    return "secret"


@mcp.resource("file:///{+path}")
def any_file(path: str) -> str:
    did(f"resource file:///{path}")
    return "any"


@mcp.prompt()
def greet() -> str:
    did("prompt greet")
    return "greet"


@mcp.prompt()
def forbidden() -> str:
    did("prompt forbidden")
    return "forbidden"


@mcp.completion()
async def complete(ref, argument, context):
    did("completion")
    return None


class Noting:
    """Writes down every request before the SDK sees it."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        query = f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        entry = {
            "method": scope["method"],
            "path": scope["raw_path"].decode() + query,
            "headers": [part.decode("latin-1") for pair in scope["headers"] for part in pair],
        }
        note({"kind": "head", **entry})
        body, done, answered = bytearray(), False, False

        async def noted():
            nonlocal done
            message = await receive()
            if message["type"] == "http.request":
                body.extend(message.get("body", b""))
                if not message.get("more_body") and not done:
                    done = True
                    note({"kind": "request", **entry, "body": body.decode("latin-1")})
            elif not done:
                done = True
                note({"kind": "broken", **entry, "body": body.decode("latin-1")})
            elif not answered:
                note({"kind": "left", "path": entry["path"]})
            return message

        async def answers(message):
            nonlocal answered
            await send(message)
            answered = message["type"] == "http.response.body" and not message.get("more_body")

        await self.app(scope, noted, answers)


def application():
    limits = {"max_request_body_size": 200 << 20}
    stateful = mcp.streamable_http_app(event_store=Events(), **limits)
    manager = mcp.session_manager
    open_app = mcp.streamable_http_app(streamable_http_path="/open", stateless_http=True, json_response=True, **limits)
    open_manager = mcp.session_manager

    @contextlib.asynccontextmanager
    async def lifespan(_app):
        async with manager.run(), open_manager.run():
            yield

    old = mcp.sse_app(**limits)
    return Noting(Starlette(routes=[*stateful.routes, *open_app.routes, *old.routes], lifespan=lifespan))


if __name__ == "__main__":
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(f"port {listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(application(), log_level="warning", http="h11", timeout_graceful_shutdown=1)).run(sockets=[listener])
