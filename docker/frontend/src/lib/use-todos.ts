"use client";

import { useCallback, useEffect, useReducer, useRef, useState } from "react";
import { useApi } from "../components/api-provider";
import type { Todo, TodoChanges } from "./api.ts";
import { sentence } from "./api-error.ts";
import { NOTHING_YET, type TodoState, todoReducer } from "./todo-state.ts";

export interface Todos extends TodoState {
  /** A sentence where the last thing that was tried did not work. */
  error: string | undefined;
  reload: () => Promise<void>;
  /** Each resolves to whether it worked. */
  add: (title: string, description: string) => Promise<boolean>;
  change: (todo: Todo, changes: TodoChanges) => Promise<boolean>;
  remove: (todo: Todo) => Promise<boolean>;
}

/** The todos as the server has them: the page changes only when the server has confirmed. */
export function useTodos(): Todos {
  const api = useApi();
  const [state, dispatch] = useReducer(todoReducer, NOTHING_YET);
  const [error, setError] = useState<string>();
  const lists = useRef(0);

  const attempt = useCallback(async (action: () => Promise<void>): Promise<boolean> => {
    try {
      await action();
      setError(undefined);
      return true;
    } catch (fault) {
      setError(sentence(fault));
      return false;
    }
  }, []);

  const reload = useCallback(async () => {
    lists.current += 1;
    const mine = lists.current;
    await attempt(async () => {
      const page = await api.todos();
      // Lists may overtake each other: only the one asked for last counts.
      if (mine === lists.current) dispatch({ type: "listed", page });
    });
  }, [api, attempt]);

  useEffect(() => {
    void reload();
  }, [reload]);

  return {
    ...state,
    error,
    reload,
    add: (title, description) =>
      attempt(async () => dispatch({ type: "added", todo: await api.addTodo(title, description) })),
    change: (todo, changes) =>
      attempt(async () => dispatch({ type: "changed", todo: await api.changeTodo(todo.id, changes) })),
    remove: (todo) =>
      attempt(async () => {
        await api.deleteTodo(todo.id);
        dispatch({ type: "removed", id: todo.id });
      }),
  };
}
