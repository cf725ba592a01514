// OpenAI's SDK: Responses, streamed, with nothing stored.

import OpenAI from "openai";
import * as errand from "./errand.mjs";

const sdk = new OpenAI({ baseURL: `${errand.url}/v1`, apiKey: errand.key, maxRetries: 0 });
const tools = errand.tools.map((name) => ({
  type: "function",
  name,
  description: errand.about,
  parameters: errand.city,
  strict: false,
}));
const input = [{ role: "user", content: errand.question }];

await errand.run(async (story) => {
  const stream = sdk.responses.stream({
    model: errand.model,
    input,
    tools,
    store: false,
    include: ["reasoning.encrypted_content"],
    reasoning: { effort: "low", summary: "auto" },
  });
  const reply = await stream.finalResponse();
  story.tokens.push(Math.min(reply.usage.input_tokens, reply.usage.output_tokens));
  input.push(...reply.output.map(({ parsed_arguments, ...item }) => item));
  const calls = reply.output.filter((item) => item.type === "function_call");
  for (const item of reply.output.filter((item) => item.type === "reasoning")) {
    story.thoughts.push(item.summary.map((part) => part.text).join(""));
  }
  if (!calls.length) return reply.output_text;
  for (const call of calls) {
    const output = story.result(call.name, JSON.parse(call.arguments));
    input.push({ type: "function_call_output", call_id: call.call_id, output });
  }
});
