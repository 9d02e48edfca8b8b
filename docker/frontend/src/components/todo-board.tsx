"use client";

import type { Todo } from "../lib/api.ts";
import { useLaterFocus } from "../lib/use-later-focus.ts";
import type { Todos } from "../lib/use-todos.ts";
import { AddForm } from "./add-form";
import { Alert } from "./alert";
import { Loading } from "./loading";
import { TodoList } from "./todo-list";

const HEADING = "todos-heading";

export function TodoBoard({ todos, total, error, reload, add, change, remove }: Todos) {
  const open = todos?.filter((todo) => !todo.completed) ?? [];
  const done = todos?.filter((todo) => todo.completed) ?? [];
  const focusLater = useLaterFocus();

  async function removeAndFocus(todo: Todo): Promise<boolean> {
    const worked = await remove(todo);
    focusLater(HEADING);
    return worked;
  }

  const actions = { onChange: change, onRemove: removeAndFocus, onFocusLost: focusLater };
  return (
    <section className="todos" aria-labelledby={HEADING}>
      <div className="heading">
        <h2 id={HEADING} tabIndex={-1}>
          Todos
        </h2>
        {todos && todos.length > 0 && (
          <p className="tally" aria-live="polite">
            {open.length} open · {done.length} done
          </p>
        )}
      </div>

      <AddForm onAdd={add} />

      {error && <Alert message={error} action={{ name: "Reload", run: () => void reload() }} />}

      {todos === undefined && !error && <Loading what="todos" />}
      {todos?.length === 0 && (
        <div className="empty">
          <p className="empty-title">Nothing to do</p>
          <p>Add the first thing above, or tell the assistant about it.</p>
        </div>
      )}

      <TodoList label="Open" todos={open} {...actions} />
      {done.length > 0 && <h3 className="section">Done</h3>}
      <TodoList label="Done" todos={done} {...actions} />

      {todos && total > todos.length && (
        <p className="footnote">
          The newest {todos.length} of {total} todos.
        </p>
      )}
    </section>
  );
}
