// What every agent here is told: where to ask, which tools there are, and what they answer.
// The results are those of tests/e2e/agents.py, so that the same test can judge both.

export const key = process.env.HEADGATE_KEY;
export const url = process.env.HEADGATE_URL;
export const model = process.env.HEADGATE_MODEL;

export const question = "What is the weather in many cities?";
export const tools = ["look", "listen"];
export const about = "Looks at a city.";
export const city = {
  type: "object",
  properties: { city: { type: "string" }, number: { type: "integer" } },
  required: ["city", "number"],
};

const MOST_TURNS = 60;

export class Story {
  calls = [];
  tokens = [];
  thoughts = [];

  result(name, given) {
    this.calls.push([name, given]);
    const number = this.calls.length;
    return number === 2 ? `there is no city ${number}` : `city ${number}: -2 C`;
  }
}

// `turn` asks once: it gives the last text, or nothing while there are calls to answer.
export async function run(turn) {
  const story = new Story();
  for (let count = 0; count < MOST_TURNS; count += 1) {
    const text = await turn(story);
    if (text !== undefined) {
      const { calls, tokens, thoughts } = story;
      console.log(JSON.stringify({ text, calls, tokens, thoughts }));
      return;
    }
  }
  throw new Error("the loop does not end");
}
