/* A call as a person would write it: exactly the body that was sent. */

const OF_THE_CLIENT = new Set([
  "model", "messages", "stream", "stream_options", "temperature", "top_p", "max_tokens",
  "seed", "stop",
]); // What OpenAI's Python client knows by name; the rest is its `extra_body`.
const KEY = "TOKENFAB_API_KEY";

export function asCurl(url, body) {
  const json = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  return `curl -N ${url}/chat/completions \\
  -H "Authorization: Bearer $${KEY}" \\
  -H "Content-Type: application/json" \\
  -d '${json}'`;
}

export function asPython(url, body) {
  const known = [];
  const extra = {};
  for (const [name, value] of Object.entries(body)) {
    if (OF_THE_CLIENT.has(name)) known.push(`    ${name}=${python(value, 1)},`);
    else extra[name] = value;
  }
  return `import os

from openai import OpenAI  # pip install openai

client = OpenAI(
    base_url=${python(url)},
    api_key=os.environ["${KEY}"],
)
stream = client.chat.completions.create(
${known.join("\n")}
    extra_body=${python(extra, 1)},
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
`;
}

export function asJavaScript(url, body) {
  return `import OpenAI from "openai"; // npm install openai

const client = new OpenAI({
  baseURL: ${JSON.stringify(url)},
  apiKey: process.env.${KEY},
});
const stream = await client.chat.completions.create(${JSON.stringify(body, null, 2)});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}
`;
}

/* JSON's strings and numbers are Python's too. */
function python(value, depth = 0) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = "    ".repeat(depth + 1);
  const outer = "    ".repeat(depth);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const items = Array.isArray(value)
    ? value.map((one) => python(one, depth + 1))
    : Object.entries(value).map(
        ([name, one]) => `${JSON.stringify(name)}: ${python(one, depth + 1)}`,
      );
  if (!items.length) return open + close;
  return `${open}\n${items.map((item) => `${inner}${item},\n`).join("")}${outer}${close}`;
}
