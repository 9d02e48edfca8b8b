import { expect, test } from "vitest";
import type { Todo } from "../src/lib/api.ts";
import { NOTHING_YET, type TodoAction, type TodoState, todoReducer } from "../src/lib/todo-state.ts";

function todo(id: number, title = `t${id}`): Todo {
  const now = "2026-01-01T00:00:00Z";
  return { id, title, description: null, completed: false, created_at: now, updated_at: now };
}

const LISTED: TodoAction = { type: "listed", page: { todos: [todo(2), todo(1)], total: 120 } };

function reached(...actions: TodoAction[]): TodoState {
  return actions.reduce(todoReducer, NOTHING_YET);
}

function ids({ todos }: TodoState): number[] | undefined {
  return todos?.map(({ id }) => id);
}

test("before the first list nothing is known, which is not an empty list", () => {
  expect(ids(NOTHING_YET)).toBeUndefined();
  expect(ids(reached({ type: "listed", page: { todos: [], total: 0 } }))).toEqual([]);
});

test("what is added comes first and counts once", () => {
  const added: TodoAction = { type: "added", todo: todo(3) };
  expect(ids(reached(LISTED, added))).toEqual([3, 2, 1]);
  expect(reached(LISTED, added, added)).toMatchObject({ total: 121 });
  expect(ids(reached(added))).toEqual([3]);
});

test("what is changed stays in its place", () => {
  const state = reached(LISTED, { type: "changed", todo: todo(2, "other") });
  expect(state.todos?.map(({ title }) => title)).toEqual(["other", "t1"]);
});

test("what is removed counts once, also where a list has said so already", () => {
  const removed: TodoAction = { type: "removed", id: 2 };
  expect(reached(LISTED, removed, removed)).toMatchObject({ todos: [todo(1)], total: 119 });
});
