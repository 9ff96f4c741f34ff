#!/usr/bin/env python3
"""Uses one coding agent as its user would, and reports what it told the user.

    agent_client.py AGENT PACKAGES KEY

The agent is set up by the lines of docs/clients.md; it works in a folder with one file, notes.txt. Reads lines
`{"do": ..., "model": ...}` from standard input: `run_once` is what a user types where there is no terminal, `ask` the
quickest way to a whole answer, `stream` one that shows the words as they come; for some agents these are servers of
theirs. For each line it writes a line `{"piece": TEXT}` for every piece that comes, and then `{"done": {...}}` with what
is known: text, error.
"""

import json
import os
import pathlib
import subprocess
import sys
import threading
import urllib.request

import documented

PROMPT = "Read notes.txt and say what happens when a model cannot go on."
NOTES = "21 degrees in Lisbon\n"
# The model that the document names.
DOCUMENTED_MODEL = "assistant"
# How long an agent may take to say that it gives up; those that never do are stopped. Long, because starting one takes
# half a minute where everything else runs beside it.
SECONDS_MAX = 120
# How often an agent that repeats without end may do so before its user stops it.
RETRIES_SEEN = 2


def say(line):
    print(json.dumps(line), flush=True)


class Agent:
    def __init__(self, packages):
        self.packages = packages
        self.told = documented.blocks(self.name)
        self.home = pathlib.Path(os.environ["HOME"])
        for what, text in self.told.items():
            if what.startswith("file ."):
                self.write(what.removeprefix("file "), text)
        self.work = self.home / "work"
        self.write("work/notes.txt", NOTES)
        # What telemetry and updates there are, is off: nothing but the gateway is to be reached.
        self.environment = {**os.environ, **self.quiet, **self.told_environment()}

    quiet = {}

    def write(self, path, text):
        path = self.home / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def told_environment(self, what="environment"):
        """What a shell makes of the document's lines."""
        lines = self.told.get(what, "")
        shown = subprocess.run(["sh", "-c", f"{lines}\nenv -0"], check=True, capture_output=True, text=True).stdout
        return dict(line.split("=", 1) for line in shown.split("\0") if line)

    def binary(self, *parts):
        return str(self.packages.joinpath(*parts))

    def start(self, *command, **more):
        return subprocess.Popen(
            command, cwd=self.work, env=self.environment, text=True, stdout=subprocess.PIPE, **more
        )

    def run(self, *command):
        """The lines that a run of the agent writes, and at the end how it ended: `status`, `complaints`, `is_over`."""
        process = self.start(*command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        complaints = []
        reading = threading.Thread(target=lambda: complaints.append(process.stderr.read()))
        reading.start()
        clock = threading.Timer(SECONDS_MAX, process.kill)
        clock.start()
        yield from process.stdout
        self.status = process.wait()
        self.is_over = not clock.finished.is_set()
        clock.cancel()
        reading.join()
        self.complaints = complaints[0]

    def report(self, text, complaint=None):
        """What the user knows at the end: an agent that fails says so in its exit status."""
        report = {"text": text}
        if not self.is_over:
            report["error"] = {"type": "NeverEnding", "message": f"stopped after {SECONDS_MAX} s"}
        elif self.status != 0 or complaint:
            report["error"] = {"type": f"exit status {self.status}", "message": complaint or self.complaints}
        return report


class ClaudeCode(Agent):
    name = "claude-code"
    quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1"}

    def command(self, prompt, model, *more):
        binary = self.binary("@anthropic-ai", "claude-code-linux-x64", "claude")
        return [binary, "-p", prompt, "--model", model, *more]

    def ask(self, model):
        text, complaint = "", None
        tools = ["--tools", "Read", "--allowedTools", "Read"]
        shape = ["--output-format", "stream-json", "--include-partial-messages", "--verbose"]
        for line in self.run(*self.command(PROMPT, model, *tools, *shape)):
            event = json.loads(line)
            if event["type"] == "stream_event":
                piece = event["event"].get("delta", {}).get("text")
                if piece:
                    say({"piece": piece})
            if event["type"] == "result":
                text, complaint = event["result"], event["result"] if event["is_error"] else None
        return self.report(text, complaint)

    run_once = stream = ask

    def count(self, model):
        return self.report("".join(self.run(*self.command("/context", model))))

    def models(self, model):
        """Asks for the gateway's models, which it takes for traffic that can be left out, and shows a bearer token."""
        kept = self.environment
        self.environment = {**kept, **self.told_environment("discovery")}
        del self.environment["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"], self.environment["ANTHROPIC_API_KEY"]
        report = self.ask(model)
        self.environment = kept
        return report


class Codex(Agent):
    name = "codex"
    quiet_settings = (
        "check_for_update_on_startup = false\n{}\n[analytics]\nenabled = false\n[features]\nplugins = false\n"
    )

    def binary_of_codex(self):
        return self.binary("@openai", "codex-linux-x64", "vendor", "x86_64-unknown-linux-musl", "bin", "codex")

    def __init__(self, packages):
        super().__init__(packages)
        path = ".codex/config.toml"
        self.write(path, self.quiet_settings.format(self.told[f"file {path}"]))

    def built_in(self, model):
        """Its own provider at another address, which speaks WebSocket first, after a login with the key."""
        home = self.home / "built-in"
        self.write("built-in/config.toml", self.quiet_settings.format(self.told["file built-in"]))
        self.environment["CODEX_HOME"] = str(home)
        key = self.environment["STANDIN_KEY"]
        login = [self.binary_of_codex(), "login", "--with-api-key"]
        subprocess.run(login, env=self.environment, input=key, text=True, check=True, capture_output=True)
        report = self.ask(model)
        del self.environment["CODEX_HOME"]
        return report

    def ask(self, model):
        text, complaint = "", None
        for line in self.run(self.binary_of_codex(), "exec", "--skip-git-repo-check", "--json", "-m", model, PROMPT):
            event = json.loads(line)
            item = event.get("item", {})
            if item.get("type") == "agent_message":
                text = item["text"]
            if event["type"] == "turn.failed":
                complaint = event["error"]["message"]
        return self.report(text, complaint)

    run_once = ask

    def stream(self, model):
        """`exec` writes whole messages; the server for editors shows the words."""
        server = self.start(self.binary_of_codex(), "app-server", stdin=subprocess.PIPE)
        number = 0

        def call(method, parameters):
            nonlocal number
            number += 1
            server.stdin.write(json.dumps({"id": number, "method": method, "params": parameters}) + "\n")
            server.stdin.flush()
            return next(message for message in messages if message.get("id") == number).get("result")

        messages = map(json.loads, server.stdout)
        call("initialize", {"clientInfo": {"name": "suite", "version": "1"}})
        thread = call("thread/start", {"model": model, "cwd": str(self.work), "approvalPolicy": "never"})["thread"]["id"]
        call("turn/start", {"threadId": thread, "input": [{"type": "text", "text": PROMPT}]})
        text = ""
        for message in messages:
            if message.get("method") == "item/agentMessage/delta":
                piece = message["params"]["delta"]
                say({"piece": piece})
                text += piece
            if message.get("method") == "turn/completed":
                break
        server.kill()
        return {"text": text}


class GeminiCli(Agent):
    name = "gemini-cli"
    quiet = {"GEMINI_CLI_TRUST_WORKSPACE": "true", "GEMINI_TELEMETRY_ENABLED": "false"}

    def __init__(self, packages):
        super().__init__(packages)
        path = ".gemini/settings.json"
        settings = json.loads(self.told[f"file {path}"])
        settings["privacy"] = {"usageStatisticsEnabled": False}
        settings["general"] = {"enableAutoUpdate": False, "enableAutoUpdateNotification": False}
        self.write(path, json.dumps(settings))

    def ask(self, model):
        text, complaint = "", None
        program = self.binary("@google", "gemini-cli", "bundle", "gemini.js")
        for line in self.run("node", program, "-m", model, "-o", "stream-json", "-p", PROMPT):
            if not line.startswith("{"):
                continue
            event = json.loads(line)
            if event["type"] == "message" and event["role"] == "assistant":
                say({"piece": event["content"]})
                text += event["content"]
            # A broken stream is told in an event of its own, whatever the exit status.
            if event["type"] == "error" or event.get("status") == "error" and "error" in event:
                complaint = event.get("error", event)["message"]
        return self.report(text, complaint)

    run_once = stream = ask


class OpenCode(Agent):
    name = "opencode"
    quiet = {"OPENCODE_PURE": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}
    # Plugins come from a registry; none is to be asked.
    quiet["npm_config_registry"] = "http://127.0.0.1:9"
    port = 4096

    def __init__(self, packages):
        super().__init__(packages)
        path = ".config/opencode/opencode.json"
        settings = json.loads(self.told[f"file {path}"])
        models = settings["provider"]["standin"]["models"]
        models |= {name: models[DOCUMENTED_MODEL] | {"name": name} for name in self.aliases()}
        self.write(path, json.dumps(settings))
        self.server = None

    def aliases(self):
        bearer = {"Authorization": "Bearer " + self.environment["STANDIN_KEY"]}
        with urllib.request.urlopen(urllib.request.Request(f"{documented.ROOT}/v1/models", headers=bearer)) as answer:
            return [model["id"] for model in json.load(answer)["data"]]

    def program(self):
        return self.binary("opencode-linux-x64-baseline", "bin", "opencode")

    def run_once(self, model):
        """What a user types; it takes seconds to start."""
        shape = ["--pure", "--format", "json", "--title", "notes", "-m", f"standin/{model}"]
        events = [json.loads(line) for line in self.run(self.program(), "run", *shape, PROMPT)]
        complaints = [event["error"]["data"]["message"] for event in events if event["type"] == "error"]
        text = "".join(event["part"]["text"] for event in events if event["type"] == "text")
        return self.report(text, "; ".join(complaints))

    def post(self, path, body):
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked) as answer:
            return json.loads(answer.read() or "null")

    def serve(self):
        """The server behind its windows, started once."""
        if self.server is None:
            command = [self.program(), "serve", "--pure", "--port", str(self.port)]
            self.server = self.start(*command, stderr=subprocess.STDOUT)
            next(line for line in self.server.stdout if "listening" in line)
            threading.Thread(target=self.server.stdout.read, daemon=True).start()

    def ask(self, model):
        self.serve()
        events = urllib.request.urlopen(f"http://127.0.0.1:{self.port}/event", timeout=SECONDS_MAX)
        session = self.post("/session", {"title": "notes"})["id"]
        chosen = {"providerID": "standin", "modelID": model}
        self.post(
            f"/session/{session}/prompt_async", {"model": chosen, "parts": [{"type": "text", "text": PROMPT}]}
        )
        report = {"text": ""}
        for line in events:
            if not line.startswith(b"data: "):
                continue
            event = json.loads(line.removeprefix(b"data: "))
            told = event["properties"]
            if told.get("sessionID") != session:
                continue
            if event["type"] == "message.part.delta" and told["field"] == "text":
                say({"piece": told["delta"]})
                report["text"] += told["delta"]
            if event["type"] == "session.error":
                error = {"type": told["error"]["name"], "message": told["error"]["data"]["message"]}
                report.setdefault("error", error)
            if event["type"] == "session.status" and told["status"]["type"] == "retry":
                report["error"] = {"type": "Retry", "message": told["status"]["message"]}
                # It would go on for ever; its user has seen why by now.
                if told["status"]["attempt"] == RETRIES_SEEN:
                    self.post(f"/session/{session}/abort", {})
            if event["type"] == "message.updated" and told["info"].get("finish") == "stop":
                report.pop("error", None)
            if event["type"] == "session.idle":
                break
        return report

    stream = ask


AGENTS = {agent.name: agent for agent in (ClaudeCode, Codex, GeminiCli, OpenCode)}


def main():
    name, packages, os.environ["STANDIN_KEY"] = sys.argv[1:]
    agent = AGENTS[name](pathlib.Path(packages))
    for line in sys.stdin:
        wanted = json.loads(line)
        say({"done": getattr(agent, wanted["do"])(wanted["model"])})


if __name__ == "__main__":
    main()
