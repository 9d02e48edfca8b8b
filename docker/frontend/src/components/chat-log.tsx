"use client";

import { type ReactNode, useLayoutEffect, useRef } from "react";
import type { ToolCall } from "../lib/chat-events.ts";
import type { Turn } from "../lib/chat-state.ts";
import { toolWords } from "../lib/tool-words.ts";
import { Icon } from "./icon";

/** Pixels from the end within which the log follows what is added. */
const NEAR_END = 48;

interface Props {
  turns: Turn[];
  answering: boolean;
  /** Shown where there are no turns. */
  children: ReactNode;
}

export function ChatLog({ turns, answering, children }: Props) {
  const log = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const seen = useRef(0);

  useLayoutEffect(() => {
    const added = turns.length !== seen.current;
    seen.current = turns.length;
    if (log.current && (added || atEnd.current)) log.current.scrollTop = log.current.scrollHeight;
  });

  function rememberPlace() {
    const { scrollHeight, scrollTop, clientHeight } = log.current as HTMLDivElement;
    atEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  return (
    <div
      ref={log}
      className="log"
      role="log"
      aria-label="Chat log"
      aria-busy={answering} // an answer is read out once, when it is complete
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      onScroll={rememberPlace}
    >
      {turns.length === 0 && children}
      {turns.map((turn) => (
        <TurnView key={turn.place} turn={turn} awaited={answering && turn.place === turns.length - 1} />
      ))}
    </div>
  );
}

function TurnView({ turn, awaited }: { turn: Turn; awaited: boolean }) {
  return (
    <div className={`turn ${turn.role}`}>
      <span className="visually-hidden">{turn.role === "user" ? "You:" : "Assistant:"}</span>
      {turn.tools.map((call, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: calls are only ever added at the end
        <ToolView key={place} call={call} />
      ))}
      {turn.text && <p className="text">{turn.text}</p>}
      {awaited && !turn.text && (
        <p className="thinking" role="status">
          <span className="visually-hidden">The assistant is thinking</span>
        </p>
      )}
      {turn.cut && <p className="cut">Not finished</p>}
    </div>
  );
}

function ToolView({ call }: { call: ToolCall }) {
  return (
    <p className={call.ok ? "tool" : "tool refused"}>
      <Icon name={call.ok ? "check" : "warning"} />
      <span>
        {toolWords(call)} <code>{call.name}</code>
      </span>
    </p>
  );
}
