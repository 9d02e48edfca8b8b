"use client";

import { useState } from "react";
import type { Chat } from "../lib/use-chat.ts";
import { Alert } from "./alert";
import { ChatLog } from "./chat-log";
import { Composer } from "./composer";
import { ConfirmDialog } from "./confirm-dialog";
import { Icon } from "./icon";
import { Loading } from "./loading";

const SUGGESTIONS = ["What is open?", "Remind me to water the plants", "Show what is done"];

export function ChatPane(chat: Chat) {
  const { phase, conversations, current, turns, error } = chat;
  const [confirming, setConfirming] = useState(false);
  const settled = phase === "ready";
  const tryAgain = { name: "Try again", run: () => void chat.resume() };
  /** Not so while its first answer comes. */
  const listed = conversations.some(({ id }) => id === current);

  return (
    <section className="card chat" aria-labelledby="chat-heading">
      <div className="heading">
        <h2 id="chat-heading">Chat</h2>
        <div className="tools">
          <button
            type="button"
            className="icon-button"
            aria-label="New conversation"
            disabled={!settled || current === undefined}
            onClick={() => void chat.open(undefined)}
          >
            <Icon name="plus" />
          </button>
          <button
            type="button"
            className="icon-button delete"
            aria-label="Delete conversation"
            disabled={!settled || current === undefined}
            onClick={() => setConfirming(true)}
          >
            <Icon name="trash" />
          </button>
        </div>
        {conversations.length > 0 && (
          <select
            className="picker"
            aria-label="Conversation"
            value={listed ? current : ""}
            disabled={!settled}
            onChange={(event) => void chat.open(Number(event.target.value))}
          >
            {!listed && <option value="">New conversation</option>}
            {conversations.map(({ id, title }) => (
              <option key={id} value={id}>
                {title || `Conversation ${id}`}
              </option>
            ))}
          </select>
        )}
      </div>

      <ChatLog turns={turns} answering={phase === "answering"}>
        {phase === "loading" && <Loading what="conversation" />}
        {settled && turns.length === 0 && (
          <div className="empty">
            <p className="empty-title">Tell the assistant what to do</p>
            <p>It adds, lists, changes, completes and deletes your todos.</p>
            <div className="suggestions">
              {SUGGESTIONS.map((text) => (
                <button key={text} type="button" className="quiet" onClick={() => void chat.ask(text)}>
                  {text}
                </button>
              ))}
            </div>
          </div>
        )}
      </ChatLog>

      {error && <Alert message={error} action={phase === "failed" ? tryAgain : undefined} />}
      <Composer phase={phase} onAsk={chat.ask} onStop={chat.stop} />
      {confirming && (
        <ConfirmDialog
          question="Delete this conversation? Your todos stay as they are."
          action="Delete"
          onConfirm={() => void chat.remove()}
          onClose={() => setConfirming(false)}
        />
      )}
    </section>
  );
}
