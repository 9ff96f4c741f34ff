#!/usr/bin/env python3
"""Uses one Python client library as its user would, and reports what the library gave.

    sdk_client.py CLIENT ROOT_URL KEY

The client is made by the lines of docs/clients.md. Reads lines `{"do": ..., "model": ...}` from standard input. For each
one it writes a line `{"piece": TEXT}` for every piece of a stream as it comes, and then `{"done": {...}}` with what is
known: text, called, count, models, error. All settings but URL and key are the library's own, retries included.
"""

import json
import os
import pathlib
import sys
import tempfile

import documented

QUESTION = "What happens when a model cannot go on?"
TOOL_NAME = "get_weather"
TOOL_RESULT = "21 degrees in Lisbon"
TOOL_TEXT = "The weather of the next days in a city."
TOOL_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}


def say(line):
    print(json.dumps(line), flush=True)


def spoken(pieces):
    """Passes the pieces of a stream on as they come, and returns all of it."""
    text = ""
    for piece in pieces:
        if piece:
            say({"piece": piece})
            text += piece
    return text


def called(name, arguments):
    return {"name": name, "arguments": json.loads(arguments) if isinstance(arguments, str) else arguments}


class OpenAIChat:
    def __init__(self, root):
        self.client = documented.run("openai for Python", root)["client"]
        self.tools = [
            {"type": "function", "function": {"name": TOOL_NAME, "description": TOOL_TEXT, "parameters": TOOL_SCHEMA}}
        ]

    def create(self, model, messages=(), **more):
        messages = [{"role": "user", "content": QUESTION}, *messages]
        return self.client.chat.completions.create(model=model, messages=messages, **more)

    def plain(self, model):
        return {"text": self.create(model).choices[0].message.content}

    def stream(self, model):
        chunks = self.create(model, stream=True, stream_options={"include_usage": True})
        return {"text": spoken(chunk.choices[0].delta.content for chunk in chunks if chunk.choices)}

    def tools_plain(self, model):
        message = self.create(model, tools=self.tools).choices[0].message
        return self.answer(model, message.model_dump(exclude_none=True))

    def tools_stream(self, model):
        messages = [{"role": "user", "content": QUESTION}]
        with self.client.chat.completions.stream(model=model, messages=messages, tools=self.tools) as events:
            message = events.get_final_completion().choices[0].message.model_dump(exclude_none=True)
        for call in message["tool_calls"]:
            call["function"].pop("parsed_arguments", None)
        return self.answer(model, {"role": "assistant", "tool_calls": message["tool_calls"]})

    def answer(self, model, message):
        call = message["tool_calls"][0]
        result = {"role": "tool", "tool_call_id": call["id"], "content": TOOL_RESULT}
        text = self.create(model, [message, result], tools=self.tools).choices[0].message.content
        return {"called": called(call["function"]["name"], call["function"]["arguments"]), "text": text}

    def models(self, _model):
        return {"models": [model.id for model in self.client.models.list()]}


class OpenAIResponses:
    def __init__(self, root):
        self.client = documented.run("openai for Python", root)["client"]
        self.tools = [{"type": "function", "name": TOOL_NAME, "description": TOOL_TEXT, "parameters": TOOL_SCHEMA}]

    def create(self, model, items=(), **more):
        items = [{"role": "user", "content": QUESTION}, *items]
        return self.client.responses.create(model=model, input=items, **more)

    def plain(self, model):
        return {"text": self.create(model).output_text}

    def stream(self, model):
        return {"text": spoken(self.deltas(self.create(model, stream=True)))}

    def deltas(self, events):
        """The library hands a failure over as an event; whoever uses it has to look."""
        for event in events:
            if event.type == "response.output_text.delta":
                yield event.delta
            elif event.type == "response.failed":
                raise RuntimeError(f"response.failed: {event.response.error.message}")
            elif event.type == "response.completed":
                self.completed = event.response

    def tools_plain(self, model):
        return self.answer(model, self.create(model, tools=self.tools).output)

    def tools_stream(self, model):
        spoken(self.deltas(self.create(model, tools=self.tools, stream=True)))
        return self.answer(model, self.completed.output)

    def answer(self, model, output):
        call = output[0]
        result = {"type": "function_call_output", "call_id": call.call_id, "output": TOOL_RESULT}
        items = [call.model_dump(exclude_none=True), result]
        return {"called": called(call.name, call.arguments), "text": self.create(model, items).output_text}

    def count(self, model):
        return {"count": self.client.responses.input_tokens.count(model=model, input=QUESTION).input_tokens}

    def models(self, _model):
        return {"models": [model.id for model in self.client.models.list()]}


class Anthropic:
    def __init__(self, root):
        self.client = documented.run("anthropic for Python", root)["client"]
        self.tools = [{"name": TOOL_NAME, "description": TOOL_TEXT, "input_schema": TOOL_SCHEMA}]

    def asked(self, model, messages=(), **more):
        messages = [{"role": "user", "content": QUESTION}, *messages]
        return {"model": model, "max_tokens": 500, "messages": messages, **more}

    def plain(self, model):
        return {"text": self.client.messages.create(**self.asked(model)).content[0].text}

    def stream(self, model):
        with self.client.messages.stream(**self.asked(model)) as stream:
            return {"text": spoken(stream.text_stream)}

    def tools_plain(self, model):
        return self.answer(model, self.client.messages.create(**self.asked(model, tools=self.tools)))

    def tools_stream(self, model):
        with self.client.messages.stream(**self.asked(model, tools=self.tools)) as stream:
            return self.answer(model, stream.get_final_message())

    def answer(self, model, message):
        call = message.content[0]
        result = {"type": "tool_result", "tool_use_id": call.id, "content": TOOL_RESULT}
        use = {"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}
        turns = [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
        answer = self.client.messages.create(**self.asked(model, turns, tools=self.tools))
        return {"called": called(call.name, call.input), "text": answer.content[0].text}

    def count(self, model):
        messages = [{"role": "user", "content": QUESTION}]
        return {"count": self.client.messages.count_tokens(model=model, messages=messages).input_tokens}

    def models(self, _model):
        return {"models": [model.id for model in self.client.models.list()]}


class GoogleGenAI:
    def __init__(self, root):
        from google.genai import types

        self.types = types
        self.client = documented.run("google-genai for Python", root)["client"]
        function = types.FunctionDeclaration(
            name=TOOL_NAME, description=TOOL_TEXT, parameters_json_schema=TOOL_SCHEMA
        )
        self.config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[function])])
        self.question = types.Content(role="user", parts=[types.Part(text=QUESTION)])

    def plain(self, model):
        return {"text": self.client.models.generate_content(model=model, contents=QUESTION).text}

    def stream(self, model):
        chunks = self.client.models.generate_content_stream(model=model, contents=QUESTION)
        return {"text": spoken(chunk.text for chunk in chunks)}

    def tools_plain(self, model):
        answer = self.client.models.generate_content(model=model, contents=[self.question], config=self.config)
        return self.answer(model, answer.candidates[0].content)

    def tools_stream(self, model):
        asked = {"model": model, "contents": [self.question], "config": self.config}
        for chunk in self.client.models.generate_content_stream(**asked):
            if chunk.function_calls:
                content = chunk.candidates[0].content
        return self.answer(model, content)

    def answer(self, model, content):
        call = content.parts[0].function_call
        part = self.types.Part.from_function_response(name=call.name, response={"result": TOOL_RESULT})
        contents = [self.question, content, self.types.Content(role="user", parts=[part])]
        text = self.client.models.generate_content(model=model, contents=contents, config=self.config).text
        return {"called": called(call.name, call.args), "text": text}

    def count(self, model):
        return {"count": self.client.models.count_tokens(model=model, contents=QUESTION).total_tokens}

    def models(self, _model):
        return {"models": [model.name.removeprefix("models/") for model in self.client.models.list()]}


class LangChain:
    def __init__(self, root):
        from langchain_core.messages import HumanMessage, ToolMessage

        self.root = root
        self.question, self.result = HumanMessage(QUESTION), ToolMessage
        self.tools = [{"name": TOOL_NAME, "description": TOOL_TEXT, "parameters": TOOL_SCHEMA}]

    def chat(self, model):
        return documented.run("langchain-openai", self.root)["chat"].model_copy(update={"model_name": model})

    def plain(self, model):
        return {"text": self.chat(model).invoke([self.question]).content}

    def stream(self, model):
        return {"text": spoken(chunk.content for chunk in self.chat(model).stream([self.question]))}

    def tools_plain(self, model):
        chat = self.chat(model).bind_tools(self.tools)
        return self.answer(chat, chat.invoke([self.question]))

    def tools_stream(self, model):
        chat = self.chat(model).bind_tools(self.tools)
        message = None
        for chunk in chat.stream([self.question]):
            message = chunk if message is None else message + chunk
        return self.answer(chat, message)

    def answer(self, chat, message):
        call = message.tool_calls[0]
        answer = chat.invoke([self.question, message, self.result(TOOL_RESULT, tool_call_id=call["id"])])
        return {"called": called(call["name"], call["args"]), "text": answer.content}


class Llm:
    """The `llm` package: models and keys stand in files of its folder."""

    def __init__(self, root):
        self.folder = pathlib.Path(os.environ["LLM_USER_PATH"])
        self.entry = documented.blocks("llm", root)["file extra-openai-models.yaml"]
        (self.folder / "keys.json").write_text(json.dumps({"standin": os.environ["STANDIN_KEY"]}))

    def model(self, name):
        (self.folder / "extra-openai-models.yaml").write_text(self.entry.replace("assistant", name))
        import llm

        return llm.get_model(name)

    def plain(self, model):
        return {"text": self.model(model).prompt(QUESTION, stream=False).text()}

    def stream(self, model):
        return {"text": spoken(self.model(model).prompt(QUESTION, stream=True))}

    def tools_plain(self, model):
        return self.chain(model, False)

    def tools_stream(self, model):
        return self.chain(model, True)

    def chain(self, model, is_streaming):
        calls = []

        def get_weather(city: str, days: int) -> str:
            """The weather of the next days in a city."""
            calls.append(called(TOOL_NAME, {"city": city, "days": days}))
            return TOOL_RESULT

        chain = self.model(model).chain(QUESTION, tools=[get_weather], stream=is_streaming)
        return {"text": chain.text(), "called": calls[0]}


CLIENTS = {
    "openai-chat": OpenAIChat,
    "openai-responses": OpenAIResponses,
    "anthropic": Anthropic,
    "google-genai": GoogleGenAI,
    "langchain-openai": LangChain,
    "llm": Llm,
}


def main():
    name, root, os.environ["STANDIN_KEY"] = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LLM_USER_PATH"] = folder
        client = CLIENTS[name](root)
        for line in sys.stdin:
            wanted = json.loads(line)
            try:
                report = getattr(client, wanted["do"])(wanted["model"])
            except Exception as error:  # whatever the library raises is what its user sees
                report = {"error": {"type": type(error).__name__, "message": str(error)}}
            say({"done": report})


if __name__ == "__main__":
    main()
