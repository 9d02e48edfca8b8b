"use client";

import { type FormEvent, useRef, useState } from "react";

interface Props {
  onAdd: (title: string, description: string) => Promise<boolean>;
}

export function AddForm({ onAdd }: Props) {
  const [title, setTitle] = useState("");
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const titleField = useRef<HTMLInputElement>(null);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy || !title.trim()) return;
    setBusy(true);
    if (await onAdd(title.trim(), note.trim())) {
      setTitle("");
      setNote("");
      titleField.current?.focus();
    }
    setBusy(false);
  }

  return (
    <form className="card add" onSubmit={(event) => void submit(event)}>
      <div className="field">
        <label htmlFor="title">New todo</label>
        <input
          id="title"
          ref={titleField}
          value={title}
          onChange={(event) => setTitle(event.target.value)}
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
        <input
          id="note"
          value={note}
          onChange={(event) => setNote(event.target.value)}
          maxLength={2000}
          autoComplete="off"
        />
      </div>
      <button type="submit" className="primary" disabled={busy}>
        {busy ? "Adding…" : "Add"}
      </button>
    </form>
  );
}
