/** What the chat pane shows, and how it changes. */
import type { Conversation, Message } from "./api.ts";
import type { ChatEvent, ToolCall } from "./chat-events.ts";

export interface Turn {
  /** Place in the conversation, from 0. */
  place: number;
  role: "user" | "assistant";
  text: string;
  tools: ToolCall[];
  /** Whether the rest of it was not heard. */
  cut: boolean;
}

export interface ChatState {
  /** `failed`: what was to be shown did not come. */
  phase: "loading" | "failed" | "ready" | "answering";
  /** Newest first. */
  conversations: Conversation[];
  /** The one that is shown; undefined: one that begins with the next message. */
  current: number | undefined;
  turns: Turn[];
  /** Whether anything was heard of the answer that is awaited: then the server has the message. */
  heard: boolean;
  /** A sentence where the last thing that was tried did not work. */
  error: string | undefined;
}

export type ChatAction =
  | { type: "opening"; id: number | undefined }
  | { type: "listed"; conversations: Conversation[] }
  | { type: "opened"; id: number | undefined; messages: Message[] }
  | { type: "unopened"; reason: string }
  | { type: "asked"; text: string }
  | { type: "heard"; event: ChatEvent }
  | { type: "stopped" }
  | { type: "failed"; reason: string }
  /** After a failure: what the server has kept of it. */
  | { type: "checked"; id: number | undefined; messages: Message[] }
  /** After a failure: the server does not say what it has kept. */
  | { type: "unchecked" };

export const BEGINNING: ChatState = {
  phase: "loading",
  conversations: [],
  current: undefined,
  turns: [],
  heard: false,
  error: undefined,
};

export function chatReducer(state: ChatState, action: ChatAction): ChatState {
  switch (action.type) {
    case "opening":
      return { ...state, phase: "loading", current: action.id, turns: [], error: undefined };
    case "listed":
      return { ...state, conversations: action.conversations };
    case "opened":
      return { ...state, phase: "ready", current: action.id, turns: action.messages.map(kept), error: undefined };
    case "unopened":
      return { ...state, phase: "failed", error: action.reason };
    case "asked":
      return ask(state, action.text);
    case "heard":
      return hear({ ...state, heard: true }, action.event);
    case "stopped":
      return { ...state, phase: "ready", turns: changeLast(state.turns, { cut: true }) };
    case "failed":
      return { ...state, phase: "loading", error: action.reason, turns: afterFailure(state) };
    case "checked":
      return { ...state, phase: "ready", current: action.id, turns: action.messages.map(kept) };
    case "unchecked":
      return { ...state, phase: "ready", turns: state.heard ? state.turns : state.turns.slice(0, -1) };
  }
}

/**
 * The conversation that a failed first message began: its answer never came to tell its id.
 *
 * @param before conversations that were known when it was sent.
 */
export function begunSince(before: Conversation[], now: Conversation[]): number | undefined {
  return now.find(({ id }) => before.every((known) => known.id !== id))?.id;
}

function kept(message: Message, place: number): Turn {
  return { place, role: message.role, text: message.content, tools: message.tool_calls ?? [], cut: false };
}

function ask(state: ChatState, text: string): ChatState {
  const place = state.turns.length;
  const question: Turn = { place, role: "user", text, tools: [], cut: false };
  const answer: Turn = { place: place + 1, role: "assistant", text: "", tools: [], cut: false };
  return { ...state, phase: "answering", heard: false, error: undefined, turns: [...state.turns, question, answer] };
}

function hear(state: ChatState, event: ChatEvent): ChatState {
  const last = state.turns.at(-1);
  switch (event.type) {
    case "conversation":
      return { ...state, current: event.id };
    case "tool":
      return { ...state, turns: changeLast(state.turns, { tools: [...(last?.tools ?? []), event.call] }) };
    case "delta":
      return { ...state, turns: changeLast(state.turns, { text: `${last?.text ?? ""}${event.text}` }) };
    case "done": {
      const { text, tools } = kept(event.message, 0);
      return {
        ...state,
        phase: "ready",
        current: event.conversation,
        turns: changeLast(state.turns, { text, tools }),
      };
    }
  }
}

/** What was heard stays, marked as cut; the question stays until it is known whether the server has it, or it goes back to the field. */
function afterFailure({ turns, heard }: ChatState): Turn[] {
  return heard ? changeLast(turns, { cut: true }) : turns.slice(0, -1);
}

function changeLast(turns: Turn[], changes: Partial<Turn>): Turn[] {
  const last = turns.at(-1);
  return last ? [...turns.slice(0, -1), { ...last, ...changes }] : turns;
}
