#!/usr/bin/env node
// Uses one JavaScript client library as its user would, and reports what the library gave.
//
//     sdk_client.cjs CLIENT ROOT_URL KEY
//
// The twin of sdk_client.py; the client is made by the lines of docs/clients.md. Lines `{"do": ..., "model": ...}` come in;
// `{"piece": TEXT}` for every piece of a stream and then `{"done": {...}}` go out. All settings but URL and key are the
// library's own, retries included.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");

const DOCUMENT = path.join(__dirname, "..", "..", "docs", "clients.md");
// Where the document says that the gateway is.
const DOCUMENTED_ROOT = "http://127.0.0.1:8317";

const QUESTION = "What happens when a model cannot go on?";
const TOOL_NAME = "get_weather";
const TOOL_RESULT = "21 degrees in Lisbon";
const TOOL_TEXT = "The weather of the next days in a city.";
const TOOL_SCHEMA = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
};

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

/** Runs the lines that docs/clients.md has for a client, and returns what they call `names`. */
function documented(client, root, ...names) {
  const text = fs.readFileSync(DOCUMENT, "utf8");
  const code = text.split(`<!-- tested: ${client}, code -->\n\`\`\`js\n`)[1].split("```")[0];
  const body = `${code.replaceAll(DOCUMENTED_ROOT, root)}\nreturn { ${names.join(", ")} };`;
  return new Function("require", "process", body)(require, process);
}

/** Passes the pieces of a stream on as they come, and returns all of it. */
async function spoken(pieces) {
  let text = "";
  for await (const piece of pieces) {
    if (piece) {
      say({ piece });
      text += piece;
    }
  }
  return text;
}

async function all(items) {
  const found = [];
  for await (const item of items) found.push(item);
  return found;
}

function called(name, given) {
  return { name, arguments: typeof given === "string" ? JSON.parse(given) : given };
}

function openaiChat(root) {
  const { client } = documented("openai for JavaScript", root, "client");
  const question = { role: "user", content: QUESTION };
  const tools = [
    { type: "function", function: { name: TOOL_NAME, description: TOOL_TEXT, parameters: TOOL_SCHEMA } },
  ];
  const create = (model, more) => client.chat.completions.create({ model, messages: [question], ...more });
  async function answer(model, message) {
    const call = message.tool_calls[0];
    const result = { role: "tool", tool_call_id: call.id, content: TOOL_RESULT };
    const answered = await create(model, { tools, messages: [question, message, result] });
    return {
      called: called(call.function.name, call.function.arguments),
      text: answered.choices[0].message.content,
    };
  }
  return {
    plain: async (model) => ({ text: (await create(model)).choices[0].message.content }),
    async stream(model) {
      const chunks = await create(model, { stream: true, stream_options: { include_usage: true } });
      const deltas = async function* () {
        for await (const chunk of chunks) yield chunk.choices[0]?.delta.content;
      };
      return { text: await spoken(deltas()) };
    },
    tools_plain: async (model) => answer(model, (await create(model, { tools })).choices[0].message),
    async tools_stream(model) {
      const stream = client.chat.completions.stream({ model, messages: [question], tools });
      const { tool_calls } = (await stream.finalChatCompletion()).choices[0].message;
      return answer(model, { role: "assistant", tool_calls });
    },
    models: async () => ({ models: (await all(client.models.list())).map((model) => model.id) }),
  };
}

function openaiResponses(root) {
  const { client } = documented("openai for JavaScript", root, "client");
  const question = { role: "user", content: QUESTION };
  const tools = [
    { type: "function", name: TOOL_NAME, description: TOOL_TEXT, parameters: TOOL_SCHEMA, strict: false },
  ];
  const create = (model, more) => client.responses.create({ model, input: [question], ...more });
  // The library hands a failure over as an event; whoever uses it has to look.
  async function* deltas(events, finished) {
    for await (const event of events) {
      if (event.type === "response.output_text.delta") yield event.delta;
      if (event.type === "response.failed") throw new Error(`response.failed: ${event.response.error.message}`);
      if (event.type === "response.completed") finished.push(event.response);
    }
  }
  async function answer(model, output) {
    const call = output[0];
    const result = { type: "function_call_output", call_id: call.call_id, output: TOOL_RESULT };
    const answered = await create(model, { tools, input: [question, call, result] });
    return { called: called(call.name, call.arguments), text: answered.output_text };
  }
  return {
    plain: async (model) => ({ text: (await create(model)).output_text }),
    stream: async (model) => ({ text: await spoken(deltas(await create(model, { stream: true }), [])) }),
    tools_plain: async (model) => answer(model, (await create(model, { tools })).output),
    async tools_stream(model) {
      const finished = [];
      await spoken(deltas(await create(model, { tools, stream: true }), finished));
      return answer(model, finished[0].output);
    },
    count: async (model) => ({
      count: (await client.responses.inputTokens.count({ model, input: QUESTION })).input_tokens,
    }),
    models: async () => ({ models: (await all(client.models.list())).map((model) => model.id) }),
  };
}

function anthropic(root) {
  const { client } = documented("anthropic for JavaScript", root, "client");
  const question = { role: "user", content: QUESTION };
  const tools = [{ name: TOOL_NAME, description: TOOL_TEXT, input_schema: TOOL_SCHEMA }];
  const asked = (model, more) => ({ model, max_tokens: 500, messages: [question], ...more });
  async function answer(model, message) {
    const call = message.content[0];
    const result = { type: "tool_result", tool_use_id: call.id, content: TOOL_RESULT };
    const turns = [{ role: "assistant", content: [call] }, { role: "user", content: [result] }];
    const answered = await client.messages.create(asked(model, { tools, messages: [question, ...turns] }));
    return { called: called(call.name, call.input), text: answered.content[0].text };
  }
  return {
    plain: async (model) => ({ text: (await client.messages.create(asked(model))).content[0].text }),
    async stream(model) {
      const events = await client.messages.create(asked(model, { stream: true }));
      const deltas = async function* () {
        for await (const event of events) if (event.type === "content_block_delta") yield event.delta.text;
      };
      return { text: await spoken(deltas()) };
    },
    tools_plain: async (model) => answer(model, await client.messages.create(asked(model, { tools }))),
    tools_stream: async (model) =>
      answer(model, await client.messages.stream(asked(model, { tools })).finalMessage()),
    count: async (model) => ({
      count: (await client.messages.countTokens({ model, messages: [question] })).input_tokens,
    }),
    models: async () => ({ models: (await all(client.models.list())).map((model) => model.id) }),
  };
}

function googleGenai(root) {
  const { models } = documented("google-genai for JavaScript", root, "client").client;
  const question = { role: "user", parts: [{ text: QUESTION }] };
  const functions = [{ name: TOOL_NAME, description: TOOL_TEXT, parametersJsonSchema: TOOL_SCHEMA }];
  const config = { tools: [{ functionDeclarations: functions }] };
  const asked = (model, more) => ({ model, contents: [question], ...more });
  async function answer(model, content) {
    const call = content.parts[0].functionCall;
    const part = { functionResponse: { name: call.name, response: { result: TOOL_RESULT } } };
    const contents = [question, content, { role: "user", parts: [part] }];
    const answered = await models.generateContent(asked(model, { contents, config }));
    return { called: called(call.name, call.args), text: answered.text };
  }
  return {
    plain: async (model) => ({ text: (await models.generateContent(asked(model))).text }),
    async stream(model) {
      const chunks = await models.generateContentStream(asked(model));
      const texts = async function* () {
        for await (const chunk of chunks) yield chunk.text;
      };
      return { text: await spoken(texts()) };
    },
    tools_plain: async (model) =>
      answer(model, (await models.generateContent(asked(model, { config }))).candidates[0].content),
    async tools_stream(model) {
      const chunks = await all(await models.generateContentStream(asked(model, { config })));
      return answer(model, chunks.find((chunk) => chunk.functionCalls).candidates[0].content);
    },
    count: async (model) => ({ count: (await models.countTokens(asked(model))).totalTokens }),
    models: async () => ({
      models: (await all(await models.list())).map((model) => model.name.replace(/^models\//, "")),
    }),
  };
}

/** The AI SDK over one of its providers; it runs the tool itself. */
function aiSdk(provider) {
  const { generateText, streamText, jsonSchema, stepCountIs } = require("ai");
  globalThis.AI_SDK_LOG_WARNINGS = false;
  function withTool() {
    const calls = [];
    const execute = async (input) => {
      calls.push(called(TOOL_NAME, input));
      return TOOL_RESULT;
    };
    const tools = { [TOOL_NAME]: { description: TOOL_TEXT, inputSchema: jsonSchema(TOOL_SCHEMA), execute } };
    return { calls, options: { tools, stopWhen: stepCountIs(3) } };
  }
  async function* deltas(parts) {
    for await (const part of parts) {
      if (part.type === "text-delta") yield part.text;
      if (part.type === "error") throw part.error;
    }
  }
  const stream = (model, more) =>
    streamText({ model: provider(model), prompt: QUESTION, onError: () => {}, ...more });
  return {
    plain: async (model) => ({ text: (await generateText({ model: provider(model), prompt: QUESTION })).text }),
    stream: async (model) => ({ text: await spoken(deltas(stream(model).fullStream)) }),
    async tools_plain(model) {
      const { calls, options } = withTool();
      const { text } = await generateText({ model: provider(model), prompt: QUESTION, ...options });
      return { called: calls[0], text };
    },
    async tools_stream(model) {
      const { calls, options } = withTool();
      return { text: await spoken(deltas(stream(model, options).fullStream)), called: calls[0] };
    },
  };
}

const CLIENTS = {
  "openai-chat": openaiChat,
  "openai-responses": openaiResponses,
  anthropic,
  "google-genai": googleGenai,
  "ai-sdk-compatible": (root) => aiSdk(documented("AI SDK", root, "chat").chat),
  "ai-sdk-openai": (root) => aiSdk(documented("AI SDK", root, "responses").responses),
  "ai-sdk-anthropic": (root) => aiSdk(documented("AI SDK", root, "messages").messages),
  "ai-sdk-google": (root) => aiSdk(documented("AI SDK", root, "gemini").gemini),
};

async function main() {
  const [name, root, key] = process.argv.slice(2);
  process.env.STANDIN_KEY = key;
  const client = CLIENTS[name](root);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const wanted = JSON.parse(line);
    let report;
    try {
      report = await client[wanted.do](wanted.model);
    } catch (error) {
      // Whatever the library throws is what its user sees.
      report = { error: { type: error?.constructor?.name ?? typeof error, message: String(error?.message ?? error) } };
    }
    say({ done: report });
  }
}

main();
