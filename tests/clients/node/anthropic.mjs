// Anthropic's SDK: Messages with extended thinking, streamed.

import Anthropic from "@anthropic-ai/sdk";
import * as errand from "./errand.mjs";

const sdk = new Anthropic({ baseURL: errand.url, apiKey: errand.key, maxRetries: 0 });
const tools = errand.tools.map((name) => ({
  name,
  description: errand.about,
  input_schema: errand.city,
}));
const messages = [{ role: "user", content: errand.question }];

await errand.run(async (story) => {
  const stream = sdk.messages.stream({
    model: errand.model,
    max_tokens: 4096,
    messages,
    tools,
    thinking: { type: "enabled", budget_tokens: 1024 },
  });
  const message = await stream.finalMessage();
  story.tokens.push(Math.min(message.usage.input_tokens, message.usage.output_tokens));
  const calls = message.content.filter((block) => block.type === "tool_use");
  for (const block of message.content.filter((block) => block.type === "thinking")) {
    story.thoughts.push(block.thinking);
  }
  if (!calls.length) {
    return message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
  }
  messages.push({ role: "assistant", content: message.content });
  const results = calls.map((call) => ({
    type: "tool_result",
    tool_use_id: call.id,
    content: story.result(call.name, call.input),
  }));
  messages.push({ role: "user", content: results });
});
