import { expect, test } from "vitest";
import type { ToolCall } from "../src/lib/chat-events.ts";
import { toolWords } from "../src/lib/tool-words.ts";

function call(name: string, given: object, result: unknown, ok = true): ToolCall {
  return { name, arguments: { ...given }, result, ok };
}

test.each([
  [call("add_task", { title: "milk" }, { id: 3, title: "milk" }), "Added “milk”"],
  [call("complete_task", { id: 3 }, { id: 3, title: "milk" }), "Completed “milk”"],
  [call("update_task", { id: 3, title: "oat milk" }, "changed"), "Changed “oat milk”"],
  [call("delete_task", { id: 3 }, "deleted"), "Deleted todo 3"],
  [call("list_tasks", { status: "open" }, []), "Looked at open todos"],
  [call("list_tasks", {}, []), "Looked at all todos"],
  [call("sort_tasks", {}, null), "Used sort_tasks for your todos"],
])("what was done is said: %#", (made, words) => {
  expect(toolWords(made)).toBe(words);
});

test.each([
  [call("delete_task", { id: 3 }, "There is no todo 3.", false), "Could not delete todo 3: There is no todo 3."],
  [call("add_task", { title: "x" }, { error: { message: "Too long." } }, false), "Could not add “x”: Too long."],
  [call("complete_task", { id: 3 }, { error: "gone" }, false), "Could not complete todo 3: gone"],
  [call("complete_task", { id: 3 }, null, false), "Could not complete todo 3"],
])("what was not done is said, with the reason: %#", (made, words) => {
  expect(toolWords(made)).toBe(words);
});
