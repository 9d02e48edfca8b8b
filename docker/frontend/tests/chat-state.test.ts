import { describe, expect, test } from "vitest";
import type { Conversation, Message } from "../src/lib/api.ts";
import { BEGINNING, begunSince, type ChatAction, type ChatState, chatReducer } from "../src/lib/chat-state.ts";

const CALL = { name: "add_task", arguments: { title: "milk" }, result: { id: 1 }, ok: true };

function reached(...actions: ChatAction[]): ChatState {
  return actions.reduce(chatReducer, BEGINNING);
}

function message(id: number, role: Message["role"], content: string): Message {
  return { id, role, content, tool_calls: null, created_at: "2026-01-01T00:00:00Z" };
}

function conversation(id: number): Conversation {
  return { id, title: `c${id}`, created_at: "2026-01-01T00:00:00Z", updated_at: "2026-01-01T00:00:00Z" };
}

function texts(state: ChatState): string[] {
  return state.turns.map(({ role, text }) => `${role}: ${text}`);
}

const OPENED: ChatAction = { type: "opened", id: undefined, messages: [] };
const ASKED: ChatAction = { type: "asked", text: "add milk" };
const BEGUN: ChatAction = { type: "heard", event: { type: "conversation", id: 5 } };
const CALLED: ChatAction = { type: "heard", event: { type: "tool", call: CALL } };
const SO: ChatAction = { type: "heard", event: { type: "delta", text: "So " } };
const BE_IT: ChatAction = { type: "heard", event: { type: "delta", text: "be it." } };

test("a stored conversation is shown in its order", () => {
  const state = reached({
    type: "opened",
    id: 5,
    messages: [message(1, "user", "hi"), message(2, "assistant", "hello")],
  });
  expect(state).toMatchObject({ phase: "ready", current: 5 });
  expect(texts(state)).toEqual(["user: hi", "assistant: hello"]);
  expect(state.turns.map(({ place }) => place)).toEqual([0, 1]);
});

test("what is asked for another conversation clears this one", () => {
  const state = reached({ type: "opened", id: 5, messages: [message(1, "user", "hi")] }, { type: "opening", id: 6 });
  expect(state).toMatchObject({ phase: "loading", current: 6, turns: [] });
});

describe("an answer", () => {
  test("grows as it is heard, under the message that asked for it", () => {
    const state = reached(OPENED, ASKED, BEGUN, CALLED, SO, BE_IT);
    expect(state).toMatchObject({ phase: "answering", current: 5 });
    expect(texts(state)).toEqual(["user: add milk", "assistant: So be it."]);
    expect(state.turns[1]?.tools).toEqual([CALL]);
  });

  test("is at its end what the server has stored", () => {
    const done: ChatAction = {
      type: "heard",
      event: {
        type: "done",
        conversation: 5,
        message: { ...message(2, "assistant", "So be it!"), tool_calls: [CALL] },
      },
    };
    const state = reached(OPENED, ASKED, BEGUN, SO, done);
    expect(state).toMatchObject({ phase: "ready", current: 5 });
    expect(state.turns[1]).toEqual({ place: 1, role: "assistant", text: "So be it!", tools: [CALL], cut: false });
  });

  test("that the user stops stays as far as it was heard", () => {
    const state = reached(OPENED, ASKED, SO, { type: "stopped" });
    expect(state.phase).toBe("ready");
    expect(state.turns[1]).toMatchObject({ text: "So ", cut: true });
  });
});

describe("a failure", () => {
  const failed: ChatAction = { type: "failed", reason: "No." };

  const hi: ChatAction = { type: "opened", id: 5, messages: [message(1, "user", "hi")] };

  test("leaves the message to be seen, and none to be sent, until it is known whether the server has it", () => {
    const state = reached(hi, ASKED, failed);
    expect(state).toMatchObject({ phase: "loading", error: "No." });
    expect(texts(state)).toEqual(["user: hi", "user: add milk"]);
  });

  test("of which nothing was heard, and nothing is known, takes the message back", () => {
    const state = reached(hi, ASKED, failed, { type: "unchecked" });
    expect(state).toMatchObject({ phase: "ready", error: "No." });
    expect(texts(state)).toEqual(["user: hi"]);
  });

  test("within an answer keeps what was heard, and what a tool did", () => {
    const state = reached(OPENED, ASKED, BEGUN, CALLED, failed, { type: "unchecked" });
    expect(state.phase).toBe("ready");
    expect(state.turns[1]).toMatchObject({ tools: [CALL], cut: true });
  });

  test("is forgotten with the next message, and nothing of its answer counts for that one", () => {
    const state = reached(OPENED, ASKED, BEGUN, failed, ASKED);
    expect(state).toMatchObject({ phase: "answering", error: undefined, heard: false });
  });

  test("is still told when the server has said what it kept", () => {
    const checked: ChatAction = { type: "checked", id: 5, messages: [message(1, "user", "add milk")] };
    const state = reached(OPENED, ASKED, failed, checked);
    expect(state).toMatchObject({ phase: "ready", current: 5, error: "No." });
    expect(texts(state)).toEqual(["user: add milk"]);
  });

  test("to show a conversation is not an empty one", () => {
    expect(reached({ type: "opening", id: 5 }, { type: "unopened", reason: "No." })).toMatchObject({
      phase: "failed",
      error: "No.",
    });
  });
});

test("a conversation that a failed message began is the one that was not known before", () => {
  expect(begunSince([conversation(1)], [conversation(2), conversation(1)])).toBe(2);
  expect(begunSince([conversation(1)], [conversation(1)])).toBeUndefined();
});
