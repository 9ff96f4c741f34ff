#!/usr/bin/env python3
"""What a program does with the openai package, against the gateway; every step asserts what its user relies on.

    openai_client.py BASE_URL KEY

Aliases: `tiny` is a pool of three servers, one of them with a key that its server refuses; `one/tiny` is the first of
them alone; `tiny-embed` computes embeddings. In the middle it prints `KILL one`, waits for a line on standard input,
and goes on with one server less. The package's own retries are off: whatever fails is seen.
"""

import json
import sys

import openai

SENTENCE = "when one model cannot go on, another steps in and the caller never sees a gap."
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of the next days in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}
QUESTION = [{"role": "user", "content": "What will happen?"}]
# Far more than the servers have said by the time one of them is killed.
LONG = {"max_tokens": 7000, "extra_body": {"ignore_eos": True}}


def plain(client):
    answer = client.chat.completions.create(model="tiny", messages=QUESTION)
    choice = answer.choices[0]
    assert choice.message.content.strip() == SENTENCE, answer
    assert choice.finish_reason == "stop" and answer.model == "tiny", answer
    assert answer.usage.completion_tokens > 10, answer


def stream(client):
    chunks = list(
        client.chat.completions.create(
            model="tiny", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
    )
    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    words = [word for word in words if word]
    assert "".join(words).strip() == SENTENCE, words
    assert len(words) > 10, f"not token by token: {words}"
    assert {chunk.model for chunk in chunks} == {"tiny"}, chunks
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop", chunks
    assert chunks[-1].usage.completion_tokens > 10, chunks[-1]


def tool_call(client):
    answer = client.chat.completions.create(model="tiny", messages=QUESTION, tools=[WEATHER], max_tokens=200)
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls", answer
    finish_tool_call(client, message.model_dump(exclude_none=True), message.tool_calls[0])


def streamed_tool_call(client):
    with client.chat.completions.stream(
        model="tiny", messages=QUESTION, tools=[WEATHER], max_tokens=200
    ) as events:
        message = events.get_final_completion().choices[0].message
    finish_tool_call(client, {"role": "assistant", "tool_calls": message.model_dump()["tool_calls"]}, message.tool_calls[0])


def finish_tool_call(client, message, call):
    arguments = json.loads(call.function.arguments)
    assert call.function.name == "get_weather" and arguments == {"city": "Lisbon", "days": 7}, call
    for told in message["tool_calls"]:
        told["function"].pop("parsed_arguments", None)
    result = {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}
    answer = client.chat.completions.create(model="tiny", messages=[*QUESTION, message, result], tools=[WEATHER])
    assert answer.choices[0].message.content.strip() == SENTENCE, answer


def embeddings(client):
    for encoding in ({}, {"encoding_format": "float"}):
        answer = client.embeddings.create(model="tiny-embed", input=["cat", "cat", "dog"], **encoding)
        one, same, other = (row.embedding for row in answer.data)
        distance = sum(abs(a - b) for a, b in zip(one, same))
        assert distance < 1e-5, f"equal texts, other embeddings: {distance}"
        assert sum(abs(a - b) for a, b in zip(one, other)) > 0.1, "other texts, equal embeddings"
        assert answer.model == "tiny-embed", answer.model


def models(client):
    listed = {model.id for model in client.models.list()}
    assert {"tiny", "tiny-embed"} <= listed, listed
    assert client.models.retrieve("tiny").id == "tiny"


def refusals(client):
    try:
        client.chat.completions.create(model="no-such-model", messages=QUESTION)
    except openai.NotFoundError as error:
        assert error.code == "model_not_found" and error.request_id.startswith("req_"), error
    else:
        raise AssertionError("an unknown model was answered")
    try:
        client.with_options(api_key="not-a-key-of-this-gateway").models.list()
    except openai.AuthenticationError as error:
        assert error.code == "invalid_api_key", error
    else:
        raise AssertionError("an unknown key was let in")


def killed_while_it_speaks(client):
    seen = 0
    try:
        for _ in client.chat.completions.create(model="one/tiny", messages=QUESTION, stream=True, **LONG):
            seen += 1
            if seen == 5:
                print("KILL one", flush=True)
                sys.stdin.readline()
    except openai.APIError as error:
        # The frame of the gateway, not a broken connection.
        assert type(error) is openai.APIError and error.body, repr(error)
        return
    raise AssertionError(f"a stream whose server was killed ended as if it were whole, after {seen} chunks")


def main():
    client = openai.OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0, timeout=30)
    before = [models, *[plain] * 6, stream, tool_call, streamed_tool_call, embeddings, refusals]
    after = [*[plain] * 6, *[stream] * 6, tool_call, streamed_tool_call, embeddings, models]
    for step in [*before, killed_while_it_speaks, *after]:
        step(client)
        print(f"ok {step.__name__}", flush=True)


if __name__ == "__main__":
    main()
