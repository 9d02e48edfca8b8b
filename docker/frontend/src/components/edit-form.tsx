"use client";

import { type FormEvent, type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import type { Todo, TodoChanges } from "../lib/api.ts";

interface Props {
  todo: Todo;
  onSave: (changes: TodoChanges) => Promise<boolean>;
  /** Called after a save that worked, and where the user wants none. */
  onClose: () => void;
}

export function EditForm({ todo, onSave, onClose }: Props) {
  const [title, setTitle] = useState(todo.title);
  const [note, setNote] = useState(todo.description ?? "");
  const [busy, setBusy] = useState(false);
  const titleField = useRef<HTMLInputElement>(null);
  const id = useId();

  useEffect(() => titleField.current?.focus(), []);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy || !title.trim()) return;
    setBusy(true);
    if (await onSave({ title: title.trim(), description: note.trim() || null })) onClose();
    else setBusy(false);
  }

  function closeOnEscape(event: KeyboardEvent) {
    if (event.key === "Escape") onClose();
  }

  return (
    <form
      className="edit"
      aria-label={`Edit ${todo.title}`}
      onSubmit={(event) => void submit(event)}
      onKeyDown={closeOnEscape}
    >
      <div className="field">
        <label htmlFor={`${id}title`}>Title</label>
        <input
          id={`${id}title`}
          ref={titleField}
          value={title}
          onChange={(event) => setTitle(event.target.value)}
          maxLength={200}
          autoComplete="off"
          required
        />
      </div>
      <div className="field">
        <label htmlFor={`${id}note`}>
          Note <span className="optional">optional</span>
        </label>
        <input
          id={`${id}note`}
          value={note}
          onChange={(event) => setNote(event.target.value)}
          maxLength={2000}
          autoComplete="off"
        />
      </div>
      <div className="choices">
        <button type="submit" className="primary" disabled={busy}>
          Save
        </button>
        <button type="button" className="quiet" onClick={onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}
