// OpenAI's SDK: Chat Completions, streamed.

import OpenAI from "openai";
import * as errand from "./errand.mjs";

const sdk = new OpenAI({ baseURL: `${errand.url}/v1`, apiKey: errand.key, maxRetries: 0 });
const tools = errand.tools.map((name) => ({
  type: "function",
  function: { name, description: errand.about, parameters: errand.city },
}));
const messages = [{ role: "user", content: errand.question }];

await errand.run(async (story) => {
  const stream = sdk.chat.completions.stream({
    model: errand.model,
    messages,
    tools,
    reasoning_effort: "low",
    stream_options: { include_usage: true },
  });
  const reply = await stream.finalChatCompletion();
  const { message } = reply.choices[0];
  story.tokens.push(Math.min(reply.usage.prompt_tokens, reply.usage.completion_tokens));
  story.thoughts.push(message.reasoning_content ?? "");
  if (!message.tool_calls?.length) return message.content;
  messages.push(message);
  for (const call of message.tool_calls) {
    const content = story.result(call.function.name, JSON.parse(call.function.arguments));
    messages.push({ role: "tool", tool_call_id: call.id, content });
  }
});
