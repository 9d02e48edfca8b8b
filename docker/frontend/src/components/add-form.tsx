"use client";

import { type FormEvent, useRef, useState } from "react";
import { useRunning } from "../lib/use-running.ts";

interface Props {
  onAdd: (title: string, description: string) => Promise<boolean>;
}

export function AddForm({ onAdd }: Props) {
  const running = useRunning();
  const [busy, setBusy] = useState(false);
  const titleField = useRef<HTMLInputElement>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    const title = String(given.get("title")).trim();
    if (busy || !title) return;
    setBusy(true);
    if (await onAdd(title, String(given.get("note")).trim())) {
      form.reset();
      titleField.current?.focus();
    }
    setBusy(false);
  }

  // The fields are the browser's own: what is typed before this script runs stays.
  return (
    <form className="card add" onSubmit={(event) => void submit(event)}>
      <div className="field">
        <label htmlFor="title">New todo</label>
        <input
          id="title"
          name="title"
          ref={titleField}
          placeholder="What needs doing?"
          maxLength={200}
          autoComplete="off"
          required
        />
      </div>
      <div className="field note">
        <label htmlFor="note">
          Note <span className="optional">optional</span>
        </label>
        <input id="note" name="note" maxLength={2000} autoComplete="off" />
      </div>
      <button type="submit" className="primary" disabled={busy || !running}>
        {busy ? "Adding…" : "Add"}
      </button>
    </form>
  );
}
