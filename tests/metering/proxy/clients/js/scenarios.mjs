// One scenario a run: node scenarios.mjs NAME BASE_URL KEY; prints what came of it.
import OpenAI from "openai";

const [name, baseURL, apiKey] = process.argv.slice(2);
const model = "smollm2-135m-instruct";
const messages = [{ role: "user", content: "Why is the sea salty?" }];
const client = (options) =>
  new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 20_000, ...options });
const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    const { status, code, param, type, requestID, message } = error;
    const kind = error.constructor.name;
    return { kind, status, code, param, type, requestID, message };
  }
  return { kind: "none" };
}

const chat = (options, fields) =>
  client(options).chat.completions.create({ model, messages, max_tokens: 8, ...fields });

const scenarios = {
  async chat() {
    const answer = await chat();
    const text = answer.choices[0].message.content;
    return { text, usage: answer.usage, requestID: answer._request_id };
  },
  async stream() {
    const stream = await chat(
      {},
      { stream: true, stream_options: { include_usage: true } },
    );
    let text = "";
    let usage = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    return { text, usage };
  },
  async abort() {
    const stream = await chat({}, { stream: true, max_tokens: 500 });
    let seen = 0;
    for await (const chunk of stream) {
      seen += chunk.choices[0]?.delta.content ? 1 : 0;
      if (seen === 3) stream.controller.abort();
    }
    return { seen };
  },
  async response() {
    const answer = await client().responses.create({
      model,
      input: "Why is the sea salty?",
      max_output_tokens: 8,
    });
    return { text: answer.output_text, usage: answer.usage };
  },
  async response_stream() {
    const stream = client().responses.stream({
      model,
      input: "Why is the sea salty?",
      max_output_tokens: 8,
    });
    let text = "";
    stream.on("response.output_text.delta", (event) => (text += event.delta));
    const answer = await stream.finalResponse();
    return { text, whole: answer.output_text, usage: answer.usage };
  },
  async models() {
    const ids = [];
    for await (const one of client().models.list()) ids.push(one.id);
    return { ids };
  },
  async tools() {
    const runner = client().chat.completions.runTools({
      model,
      messages,
      tools: [weather((city) => `-3 in ${city}`)],
    });
    return { text: await runner.finalContent(), calls };
  },
  async tools_stream() {
    const runner = client().chat.completions.runTools({
      model,
      messages,
      stream: true,
      tools: [weather((city) => `-3 in ${city}`)],
    });
    return { text: await runner.finalContent(), calls };
  },
  async response_tools() {
    const tool = { type: "function", name: "weather", parameters, strict: true };
    const stream = client().responses.stream({ model, input: messages, tools: [tool] });
    const answer = await stream.finalResponse();
    const [call] = answer.output;
    return { name: call.name, arguments: JSON.parse(call.arguments) };
  },
  async structured() {
    const schema = { name: "weather", schema: parameters, strict: true };
    const answer = await chat(
      {},
      { response_format: { type: "json_schema", json_schema: schema } },
    );
    return JSON.parse(answer.choices[0].message.content);
  },
  error: () => failure(chat({}, { max_tokens: -1 })),
  error_stream: () => failure(chat({}, { max_tokens: -1, stream: true })),
  unknown_model: () => failure(chat({}, { model: "none" })),
  rate_limit: async () => (await chat(), failure(chat())),
  never_fits: () => failure(chat({ maxRetries: 5 }, { max_tokens: 3000 })),
  time_out: () => failure(chat({ timeout: 300 })),
  async broken_stream() {
    const read = async () => {
      for await (const _ of await chat({}, { stream: true, max_tokens: 100 }));
    };
    return failure(read());
  },
  async retry() {
    const began = performance.now();
    const answer = await chat({ maxRetries: 1 });
    const seconds = (performance.now() - began) / 1000;
    return { text: answer.choices[0].message.content, seconds };
  },
};

const calls = [];
function weather(run) {
  const call = ({ city }) => (calls.push(city), run(city));
  return {
    type: "function",
    function: { name: "weather", parameters, parse: JSON.parse, function: call },
  };
}

console.log(JSON.stringify(await scenarios[name]()));
