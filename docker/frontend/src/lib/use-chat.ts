"use client";

import { useCallback, useEffect, useReducer, useRef } from "react";
import { useApi } from "../components/api-provider";
import { ApiError, sentence } from "./api-error.ts";
import { BEGINNING, begunSince, type ChatState, chatReducer } from "./chat-state.ts";

export interface Chat extends ChatState {
  /** Show a conversation, or with undefined begin one. */
  open: (id: number | undefined) => Promise<void>;
  /** Show the latest conversation. */
  resume: () => Promise<void>;
  /** Resolves to whether the server has the message. */
  ask: (text: string) => Promise<boolean>;
  /** Hear no more of the answer. */
  stop: () => void;
  /** Delete the conversation that is shown. */
  remove: () => Promise<void>;
}

/** The user's conversations, one of them open; `onToolCall` is called when the todos may have changed. */
export function useChat(onToolCall: () => void): Chat {
  const api = useApi();
  const [state, dispatch] = useReducer(chatReducer, BEGINNING);
  const answer = useRef<AbortController>(undefined);

  const list = useCallback(async () => {
    const conversations = await api.conversations();
    dispatch({ type: "listed", conversations });
    return conversations;
  }, [api]);

  const show = useCallback(
    async (id: number | undefined) => {
      dispatch({ type: "opening", id });
      dispatch({ type: "opened", id, messages: id === undefined ? [] : await api.messages(id) });
    },
    [api],
  );

  const attempt = useCallback(async (action: () => Promise<void>) => {
    try {
      await action();
    } catch (fault) {
      dispatch({ type: "unopened", reason: sentence(fault) });
    }
  }, []);

  const resume = useCallback(
    () =>
      attempt(async () => {
        dispatch({ type: "opening", id: undefined });
        await show((await list())[0]?.id);
      }),
    [attempt, list, show],
  );

  useEffect(() => {
    void resume();
    return () => answer.current?.abort();
  }, [resume]);

  async function ask(text: string): Promise<boolean> {
    const stop = new AbortController();
    answer.current = stop;
    let conversation = state.current;
    let heard = false;
    dispatch({ type: "asked", text });
    try {
      for await (const event of api.chat(text, conversation, stop)) {
        heard = true;
        if (event.type === "conversation") conversation = event.id;
        if (event.type === "tool") onToolCall();
        dispatch({ type: "heard", event });
      }
    } catch (fault) {
      if (fault instanceof ApiError) {
        dispatch({ type: "failed", reason: fault.message });
        return (await check(text, conversation)) ?? heard;
      }
      dispatch({ type: "stopped" });
      onToolCall();
    }
    await list().catch(() => undefined); // the answer is there; the list keeps its old titles
    return true;
  }

  /** After a failure show what the server has, and return whether the message is among it; undefined: it does not say. */
  async function check(text: string, conversation: number | undefined): Promise<boolean | undefined> {
    try {
      const id = conversation ?? begunSince(state.conversations, await list());
      const messages = id === undefined ? [] : await api.messages(id);
      dispatch({ type: "checked", id, messages });
      onToolCall(); // a tool may have run although nothing was heard of it
      return messages.findLast(({ role }) => role === "user")?.content === text;
    } catch {
      dispatch({ type: "unchecked" }); // the user has been told of a failure already
      return undefined;
    }
  }

  return {
    ...state,
    open: (id) => attempt(() => show(id)),
    resume,
    ask,
    stop: () => answer.current?.abort(),
    remove: () =>
      attempt(async () => {
        if (state.current !== undefined) await api.deleteConversation(state.current);
        await resume();
      }),
  };
}
