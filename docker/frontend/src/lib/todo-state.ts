/** The todos that the page shows, and how they change. */
import type { Todo, TodoPage } from "./api.ts";

export interface TodoState extends Omit<TodoPage, "todos"> {
  /** Newest first; undefined until the first list has come. */
  todos: Todo[] | undefined;
}

export type TodoAction =
  | { type: "listed"; page: TodoPage }
  | { type: "added"; todo: Todo }
  | { type: "changed"; todo: Todo }
  | { type: "removed"; id: number };

export const NOTHING_YET: TodoState = { todos: undefined, total: 0 };

export function todoReducer(state: TodoState, action: TodoAction): TodoState {
  const { todos = [], total } = state;
  switch (action.type) {
    case "listed":
      return action.page;
    case "added":
      // A list that was asked for meanwhile may hold it already.
      if (todos.some(({ id }) => id === action.todo.id)) return state;
      return { todos: [action.todo, ...todos], total: total + 1 };
    case "changed":
      return { todos: todos.map((each) => (each.id === action.todo.id ? action.todo : each)), total };
    case "removed": {
      const rest = todos.filter(({ id }) => id !== action.id);
      return { todos: rest, total: total - (todos.length - rest.length) };
    }
  }
}
