import { expect, test } from "vitest";
import { findSession } from "../src/lib/session.ts";
import { deserted, json, stubServer } from "./server.ts";

const backend = stubServer();

test("without a cookie nobody is asked", async () => {
  let calls = 0;
  backend.answer = () => {
    calls += 1;
  };
  expect(await findSession(undefined, new Headers(), backend.url)).toEqual({ state: "none" });
  expect(calls).toBe(0);
});

test("the backend says whose session it is", async () => {
  backend.answer = json(200, { id: 7, email: "ann@example.org" });
  const session = await findSession("abc", new Headers(), backend.url);
  expect(session).toEqual({ state: "open", user: { id: 7, email: "ann@example.org" } });
});

test("the backend hears the token and what is known of the client, and nothing else of the page's request", async () => {
  const heard = Promise.withResolvers<NodeJS.Dict<string | string[]>>();
  backend.answer = (request, response) => {
    heard.resolve(request.headers);
    json(200, {})(request, response);
  };
  const asked = new Headers({ "X-Forwarded-For": "203.0.113.7", Authorization: "Bearer other", Cookie: "other=1" });
  await findSession("abc", asked, backend.url);
  const headers = await heard.promise;
  expect(headers).toMatchObject({ cookie: "todo_session=abc", "x-forwarded-for": "203.0.113.7" });
  expect(headers).not.toHaveProperty("authorization");
});

test.each([
  [401, "ended"],
  [429, "unknown"],
  [503, "unknown"],
])("an answer of %i means that the session is %s", async (status, state) => {
  backend.answer = json(status, { error: { code: "x", message: "x" } });
  expect(await findSession("abc", new Headers(), backend.url)).toEqual({ state });
});

test("a backend that cannot be reached leaves it open", async () => {
  expect(await findSession("abc", new Headers(), await deserted())).toEqual({ state: "unknown" });
});
