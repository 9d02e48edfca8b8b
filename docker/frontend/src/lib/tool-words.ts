import type { ToolCall } from "./chat-events.ts";

/** What a tool does, once done and as it is asked for. */
const VERBS: Record<string, { done: string; wanted: string }> = {
  add_task: { done: "Added", wanted: "add" },
  complete_task: { done: "Completed", wanted: "complete" },
  update_task: { done: "Changed", wanted: "change" },
  delete_task: { done: "Deleted", wanted: "delete" },
  list_tasks: { done: "Looked at", wanted: "look at" },
};

/** Say in a sentence what a tool call did, or that it did not. */
export function toolWords(call: ToolCall): string {
  const verb = VERBS[call.name] ?? { done: `Used ${call.name} for`, wanted: `use ${call.name} for` };
  if (call.ok) return `${verb.done} ${object(call)}`;
  const why = reason(call.result);
  return `Could not ${verb.wanted} ${object(call)}${why ? `: ${why}` : ""}`;
}

function object({ name, arguments: given, result }: ToolCall): string {
  if (name === "list_tasks")
    return given.status === "open" || given.status === "done" ? `${given.status} todos` : "all todos";
  const title = text(result, "title") ?? text(given, "title");
  if (title) return `“${title}”`;
  return typeof given.id === "number" ? `todo ${given.id}` : "your todos";
}

function reason(result: unknown): string | undefined {
  if (typeof result === "string") return result;
  return text(result, "message") ?? text(result, "error") ?? text(property(result, "error"), "message");
}

function text(holder: unknown, name: string): string | undefined {
  const value = property(holder, name);
  return typeof value === "string" ? value : undefined;
}

function property(holder: unknown, name: string): unknown {
  return typeof holder === "object" && holder !== null ? (holder as Record<string, unknown>)[name] : undefined;
}
