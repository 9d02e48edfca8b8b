"use client";

import { type FormEvent, type KeyboardEvent, useRef } from "react";
import type { ChatState } from "../lib/chat-state.ts";

interface Props {
  phase: ChatState["phase"];
  /** Resolves to whether the server has the message. */
  onAsk: (text: string) => Promise<boolean>;
  onStop: () => void;
}

export function Composer({ phase, onAsk, onStop }: Props) {
  /** The browser's own: what is typed before this script runs stays. */
  const field = useRef<HTMLTextAreaElement>(null);

  async function send(event: FormEvent | KeyboardEvent) {
    event.preventDefault();
    const written = field.current;
    const message = written?.value.trim();
    if (phase !== "ready" || !written || !message) return;
    written.value = "";
    written.focus();
    if (!(await onAsk(message))) written.value ||= message;
  }

  function sendOnEnter(event: KeyboardEvent) {
    // Enter also ends the input of composed characters.
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) void send(event);
  }

  return (
    <form className="composer" onSubmit={(event) => void send(event)}>
      <label className="visually-hidden" htmlFor="message">
        Message
      </label>
      <textarea
        id="message"
        ref={field}
        rows={1}
        onKeyDown={sendOnEnter}
        placeholder="Add milk, please"
        maxLength={4000}
      />
      {phase === "answering" ? (
        <button type="button" className="quiet" onClick={onStop}>
          Stop
        </button>
      ) : (
        <button type="submit" className="primary" disabled={phase !== "ready"}>
          Send
        </button>
      )}
    </form>
  );
}
