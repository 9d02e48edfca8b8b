"use client";

import { useState } from "react";
import type { Todo, TodoChanges } from "../lib/api.ts";
import { EditForm } from "./edit-form";
import { Icon } from "./icon";

interface Actions {
  onChange: (todo: Todo, changes: TodoChanges) => Promise<boolean>;
  onRemove: (todo: Todo) => Promise<boolean>;
  /** Called with the id of the element that is to have the focus, should the one that has it be gone. */
  onFocusLost: (id: string) => void;
}

export function TodoList({ label, todos, ...actions }: { label: string; todos: Todo[] } & Actions) {
  if (todos.length === 0) return null;
  return (
    <ul className="card list" aria-label={label}>
      {todos.map((todo) => (
        <TodoItem key={todo.id} todo={todo} {...actions} />
      ))}
    </ul>
  );
}

function TodoItem({ todo, onChange, onRemove, onFocusLost }: { todo: Todo } & Actions) {
  const [busy, setBusy] = useState(false);
  const [editing, setEditing] = useState(false);
  /** What the user has asked for and the server has not confirmed: shown at once, taken back if it fails. */
  const [wish, setWish] = useState<boolean>();
  const id = (part: string) => `todo-${todo.id}-${part}`;

  async function complete(completed: boolean) {
    setWish(completed);
    await onChange(todo, { completed });
    setWish(undefined);
    onFocusLost(id("tick")); // it is in the other list now
  }

  /** Nothing is disabled meanwhile: that would take the focus away. */
  async function onceAtATime(action: () => Promise<unknown>) {
    if (busy) return;
    setBusy(true);
    await action();
    setBusy(false);
  }

  function closeForm() {
    setEditing(false);
    onFocusLost(id("edit"));
  }

  if (editing) {
    return (
      <li className="item">
        <EditForm todo={todo} onSave={(changes) => onChange(todo, changes)} onClose={closeForm} />
      </li>
    );
  }
  return (
    <li className={todo.completed ? "item done" : "item"} aria-busy={busy}>
      <label className="tick">
        <input
          id={id("tick")}
          type="checkbox"
          checked={wish ?? todo.completed}
          aria-labelledby={id("title")}
          aria-describedby={todo.description ? id("note") : undefined}
          onChange={(event) => void onceAtATime(() => complete(event.target.checked))}
        />
        <span className="words">
          <span id={id("title")} className="title">
            {todo.title}
          </span>
          {todo.description && (
            <span id={id("note")} className="description">
              {todo.description}
            </span>
          )}
        </span>
      </label>
      <button
        id={id("edit")}
        type="button"
        className="icon-button"
        aria-label={`Edit ${todo.title}`}
        onClick={() => setEditing(true)}
      >
        <Icon name="pen" />
      </button>
      <button
        type="button"
        className="icon-button delete"
        aria-label={`Delete ${todo.title}`}
        onClick={() => void onceAtATime(() => onRemove(todo))}
      >
        <Icon name="trash" />
      </button>
    </li>
  );
}
