"""Reads bodies as the Python SDKs do, and writes what each way saw. Started by the test; see reader.rs."""

import json
import struct
import sys

import pydantic_core
from mcp_types import JSONRPCNotification, JSONRPCRequest, jsonrpc_message_adapter

META = "io.modelcontextprotocol/"


def clean(text):
    # A surrogate alone has no UTF-8; no body with one is permitted, so its reading only counts.
    return text.encode("utf-8", "replace").decode()


def said(value, *path):
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return clean(value) if isinstance(value, str) else "[not a string]"


def listed(value, *path):
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return []
        value = value[name]
    if not isinstance(value, list):
        return ["[not a list]"]
    return [clean(item) if isinstance(item, str) else "[not a string]" for item in value]


def identity(message):
    if "id" not in message:
        return None
    value = message["id"]
    if isinstance(value, str):
        return ["string", clean(value)]
    kind = "integer" if isinstance(value, int) and not isinstance(value, bool) else "fraction" if isinstance(value, float) else "other"
    return [kind, ""]


def touched(view):
    method = view["method"]
    one = {
        "tools/call": "name",
        "prompts/get": "name",
        "resources/read": "uri",
        "resources/subscribe": "uri",
        "resources/unsubscribe": "uri",
        "tasks/get": "task",
        "tasks/result": "task",
        "tasks/cancel": "task",
        "tasks/update": "task",
        "completion/complete": "ref_name" if view["ref_type"] == "ref/prompt" else "ref_uri",
    }.get(method)
    if method == "subscriptions/listen":
        return view["subscriptions"] + view["tasks"]
    return [view[one]] if one and view[one] is not None else []


def view(message, typed=False):
    if isinstance(message, list):
        return {**view({}), "kind": "batch", "batch": [view(one, typed) for one in message]}
    if not isinstance(message, dict):
        message = {}
    has, answer = message.__contains__, "result" in message or "error" in message
    kind = {(True, True, False): "request", (True, False, False): "notification", (False, True, True): "response"}.get(
        (has("method"), has("id"), answer), "other"
    )
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    seen = {
        "kind": kind,
        "method": said(message, "method"),
        "id": identity(message),
        "name": said(params, "name"),
        "uri": said(params, "uri"),
        "task": said(params, "taskId"),
        "ref_type": said(params, "ref", "type"),
        "ref_name": said(params, "ref", "name"),
        "ref_uri": said(params, "ref", "uri"),
        "version": said(meta, META + "protocolVersion"),
        "capabilities": isinstance(meta, dict) and META + "clientCapabilities" in meta,
        "subscriptions": listed(params, "notifications", "resourceSubscriptions"),
        "tasks": listed(params, "notifications", "taskIds"),
        "typed": typed,
    }
    seen["target"] = touched(seen)
    return seen


def sdk2(body):
    """What the 2.x SDK makes of a legacy POST."""
    message = jsonrpc_message_adapter.validate_python(pydantic_core.from_json(body), by_name=False)
    return view(message.model_dump(by_alias=True, exclude_unset=True), typed=True)


def sdk2_modern(body):
    """What it makes of one of 2026-07-28."""
    decoded = json.loads(body)
    model = JSONRPCNotification if isinstance(decoded, dict) and "id" not in decoded else JSONRPCRequest
    return view(model.model_validate(decoded).model_dump(by_alias=True, exclude_unset=True), typed=True)


READERS = {
    "Python json.loads of bytes": lambda body: view(json.loads(body)),
    "Python json.loads of text": lambda body: view(json.loads(body.decode("utf-8"))),
    "pydantic_core.from_json": lambda body: view(pydantic_core.from_json(body)),
    "Python SDK 2.x, legacy!": sdk2,
    "Python SDK 2.x, 2026-07-28!": sdk2_modern,
}


def attempt(read, body):
    try:
        return read(body)
    except (ValueError, RecursionError):  # ValidationError and UnicodeDecodeError are ValueErrors
        return None


print("\t".join(READERS))
while head := sys.stdin.buffer.read(4):
    body = sys.stdin.buffer.read(struct.unpack(">I", head)[0])
    print(json.dumps([attempt(read, body) for read in READERS.values()]))
