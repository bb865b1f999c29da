"""The guide of LangGraph and Auth0, followed to the letter: curl, FastMCP, a LangGraph agent, MCP Inspector; Auth0 is emulated."""

import json
import os
import subprocess

from world import HERE, PARTS, RUN, Ended, Guide, Process, free_ports, log_lines

NAME = "guide-langgraph-auth0.md"
CLIENT, SECRET = "aGuidesMachineClient00000000000", "a-guides-secret"
# The guide's model is OpenAI's. This one says what a model would: it calls each tool, and then sums up.
MODEL = '''from scripted import Scripted
    model = Scripted()'''
SCRIPTED = '''"""A model that asks for both tools and then repeats what they said."""
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult


class Scripted(BaseChatModel):
    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **more):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **more):
        heard = [message for message in messages if isinstance(message, ToolMessage)]
        if heard:
            said = AIMessage(content="They said: " + " / ".join(str(message.content) for message in heard))
        else:
            said = AIMessage(content="", tool_calls=[{"id": name, "name": name, "args": {"a": 2, "b": 3}} for name in ("add", "multiply")])
        return ChatResult(generations=[ChatGeneration(message=said)])
'''


def play(judge, world):
    folder, ports = RUN / "guide", free_ports("GATEWAY", "ADMIN", "SERVER", "AUTH0", "INSPECTOR")
    folder.mkdir()
    here, there = f"http://localhost:{ports['GATEWAY']}", f"http://127.0.0.1:{ports['AUTH0']}"
    guide = Guide(NAME, {"https://YOUR_TENANT.eu.auth0.com": there, "http://localhost:8000": here, "127.0.0.1:8000": f"127.0.0.1:{ports['GATEWAY']}",
                         "8001": str(ports["SERVER"]), "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET})
    with Ended(judge) as started:
        tenant = Process(PARTS, "auth0", [world.programs.python, HERE / "auth0.py", ports["AUTH0"], f"{here}/mcp", CLIENT, SECRET, "read:add"])
        started.append(tenant)
        tenant.ready(f"{there}/.well-known/openid-configuration")

        (folder / "server.py").write_text(guide.block("python", "# server.py"))
        server = Process(PARTS, "guide-server", [world.programs.python, folder / "server.py"], cwd=folder)
        started.append(server)
        server.ready(f"http://127.0.0.1:{ports['SERVER']}/mcp", good=lambda status: status in (400, 405, 406))

        # The port of probes is the only word that is added: another test may use the default.
        (folder / "gateway.yaml").write_text(guide.block("yaml", "# gateway.yaml") + f"admin: {{address: \"127.0.0.1:{ports['ADMIN']}\"}}\n")
        PARTS.command("check of gateway.yaml", world.binary, "check", "--config", folder / "gateway.yaml")
        gateway = Process(PARTS, "gateway-guide", [world.binary, "run", "--config", folder / "gateway.yaml"], cwd=folder)
        started.append(gateway)
        gateway.ready(f"http://127.0.0.1:{ports['ADMIN']}/readyz", 30)

        token(judge, guide, folder)
        explained(judge, world, guide, folder)
        agent(judge, world, guide, folder)
        inspector(judge, world, guide, folder)
        lines = [line for line in log_lines(gateway) if line.get("event") == "decided"]
        verdicts = {(line.get("target"), line.get("verdict")) for line in lines if line.get("method") == "tools/call"}
        judge.same(verdicts, {("add", "allowed"), ("multiply", "refused")}, "the audit says what was allowed and what was refused")
        judge(SECRET not in gateway.output(), "the client's secret never came to the gateway")


def shell(text, folder, **env):
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder, timeout=120, env={**os.environ, **env})
    return done.returncode, done.stdout.strip()


def token(judge, guide, folder):
    code, said = shell(guide.block("sh", "/oauth/token"), folder)
    judge(code == 0 and (folder / "token.txt").read_text().count(".") == 2, "curl gets a machine token", said)
    code, said = shell(guide.block("sh", "%{http_code}"), folder)
    judge.same((code, said), (0, "200"), "the gateway accepts it")


def explained(judge, world, guide, folder):
    (folder / "portcullis").unlink(missing_ok=True)
    (folder / "portcullis").symlink_to(world.binary)
    line = next(line for line in guide.text.splitlines() if line.startswith("`portcullis explain"))
    code, said = shell(line.split("`")[1], folder, PATH=f"{folder}:{os.environ['PATH']}")
    judge(code == 0, "explain says why the token may call add", said.splitlines()[-1] if said else "")


def agent(judge, world, guide, folder):
    (folder / "scripted.py").write_text(SCRIPTED)
    text = guide.block("python", "# agent.py")
    written = 'model = init_chat_model("openai:gpt-4.1")'
    if written not in text:
        PARTS.fail(f"the agent of the guide does not say {written}")
    (folder / "agent.py").write_text(text.replace(written, MODEL))
    code, said = shell(f"{world.programs.python} agent.py", folder)
    refusal = guide.block("", "needs scope").strip()
    judge(code == 0 and "They said:" in said, "the agent runs to its end", said[-600:])
    judge("5" in said.split("They said:")[-1] and refusal in said, "add answers, and the refusal of multiply is what the guide prints", refusal)


def inspector(judge, world, guide, folder):
    text = guide.block("sh", "--cli")
    program = world.programs.modules / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
    code, said = shell(text.replace("npx @modelcontextprotocol/inspector", f"{world.programs.node} {program}"), folder, HOME=str(folder))
    judge(code == 0 and "5" in said, "MCP Inspector calls add with the token pasted", said[-400:])
    code, said = shell(text.replace("npx @modelcontextprotocol/inspector", f"{world.programs.node} {program}").replace("--tool-name add", "--tool-name multiply"), folder, HOME=str(folder))
    try:
        answer = json.loads(said)
    except ValueError:
        answer = {}
    judge(answer.get("isError") or "read:multiply" in said, "and sees in words why multiply is refused", said[-400:])
