import { describe, expect, test, vi } from "vitest";
import { createApi } from "../src/lib/api.ts";
import { bodyOf, deserted, json, stubServer } from "./server.ts";

const server = stubServer();
const onSessionEnd = vi.fn();

/** What fetch gives to an API at this address; Node.js has no relative ones. */
function api(patienceMs?: number) {
  onSessionEnd.mockClear();
  return createApi(server.url.origin, onSessionEnd, patienceMs);
}

function failure(status: number, code: string, message = "So it is.") {
  return json(status, { error: { code, message } });
}

describe("a call", () => {
  test("asks the address that the page came from, or another one with its cookie", async () => {
    const fetched = vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json([]));
    await createApi("", onSessionEnd).conversations();
    await createApi("https://api.example.org", onSessionEnd).conversations();
    const calls = fetched.mock.calls.map(([url, options]) => [url, options?.credentials]);
    fetched.mockRestore();
    expect(calls).toEqual([
      ["/api/conversations?limit=50", "same-origin"],
      ["https://api.example.org/api/conversations?limit=50", "include"],
    ]);
  });

  test("sends and reads JSON", async () => {
    server.answer = async (request, response) => {
      const { method, url } = request;
      json(200, { method, url, type: request.headers["content-type"], body: JSON.parse(await bodyOf(request)) })(
        request,
        response,
      );
    };
    expect(await api().changeTodo(3, { title: "x", description: null })).toEqual({
      method: "PATCH",
      url: "/api/todos/3",
      type: "application/json",
      body: { title: "x", description: null },
    });
  });

  test("knows how many todos there are besides those that came", async () => {
    server.answer = json(200, [{ id: 1 }], { "X-Total-Count": "120" });
    expect(await api().todos()).toEqual({ todos: [{ id: 1 }], total: 120 });
  });

  test("fails with the server's sentence and word", async () => {
    server.answer = failure(409, "email_taken", "There is an account already.");
    await expect(api().signUp("a@b.c", "12345678")).rejects.toMatchObject({
      message: "There is an account already.",
      code: "email_taken",
    });
  });

  test("fails with the status where an answer is not JSON", async () => {
    server.answer = (_, response) =>
      response.writeHead(502, { "Content-Type": "text/html" }).end("<h1>Bad gateway</h1>");
    await expect(api().todos()).rejects.toThrow("The server answered 502.");
  });

  test("fails with a sentence where there is no server, or a slow one", async () => {
    await expect(createApi((await deserted()).origin, onSessionEnd).todos()).rejects.toThrow("There is no connection");
    server.answer = () => {};
    await expect(api(50).todos()).rejects.toThrow("took too long");
  });
});

describe("a session", () => {
  test("has ended where the server no longer knows who asks", async () => {
    server.answer = failure(401, "unauthorized");
    await expect(api().todos()).rejects.toThrow("So it is.");
    expect(onSessionEnd).toHaveBeenCalledOnce();
  });

  test("has not ended where a password is wrong", async () => {
    server.answer = failure(401, "invalid_credentials");
    await expect(api().logIn("a@b.c", "wrong")).rejects.toThrow("So it is.");
    expect(onSessionEnd).not.toHaveBeenCalled();
  });

  test("is asked for without an end: nobody may be logged in", async () => {
    server.answer = failure(401, "unauthorized");
    expect(await api().me()).toBeUndefined();
    expect(onSessionEnd).not.toHaveBeenCalled();
    server.answer = failure(503, "database_unavailable");
    await expect(api().me()).rejects.toThrow("So it is.");
  });
});

describe("a chat", () => {
  const delta = 'event: delta\ndata: {"text":"so"}\n\n';
  const done = 'event: done\ndata: {"conversation_id":5,"message":{"id":2,"role":"assistant","content":"so"}}\n\n';

  test("says where it belongs and hears events", async () => {
    const said = Promise.withResolvers<object>();
    server.answer = async (request, response) => {
      said.resolve({ accept: request.headers.accept, ...JSON.parse(await bodyOf(request)) });
      response.writeHead(200, { "Content-Type": "text/event-stream" }).end(delta + done);
    };
    const events = await Array.fromAsync(api().chat("hello", 5, new AbortController()));
    expect(events.map(({ type }) => type)).toEqual(["delta", "done"]);
    expect(await said.promise).toEqual({ accept: "text/event-stream", message: "hello", conversation_id: 5 });
  });

  test("that is refused before it streams has the server's sentence", async () => {
    server.answer = failure(503, "chat_not_configured", "There is no key.");
    const chat = Array.fromAsync(api().chat("hello", undefined, new AbortController()));
    await expect(chat).rejects.toMatchObject({ message: "There is no key.", code: "chat_not_configured" });
  });

  test("is an error where the server falls silent, and the server hears of it", async () => {
    const ended = Promise.withResolvers<void>();
    server.answer = (_, response) => {
      response.on("close", () => ended.resolve());
      response.writeHead(200, { "Content-Type": "text/event-stream" }).write(delta);
    };
    await expect(Array.fromAsync(api(100).chat("hello", 5, new AbortController()))).rejects.toThrow("took too long");
    await ended.promise;
  });

  test("may last longer than a silence", async () => {
    server.answer = async (_, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      for (let each = 0; each < 4; each += 1) {
        response.write(delta);
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
      response.end(done);
    };
    expect(await Array.fromAsync(api(150).chat("hello", 5, new AbortController()))).toHaveLength(5);
  });

  test("is an error where the connection breaks", async () => {
    const heard = Promise.withResolvers<void>();
    server.answer = async (_, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" }).write(delta);
      await heard.promise;
      response.destroy();
    };
    const chat = api().chat("hello", 5, new AbortController());
    await chat.next();
    heard.resolve();
    await expect(chat.next()).rejects.toThrow("broke off");
  });

  test("that the user stops ends with their reason, which is no ApiError", async () => {
    const stop = new AbortController();
    server.answer = (_, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" }).write(delta);
    };
    const chat = api().chat("hello", 5, stop);
    expect((await chat.next()).value).toEqual({ type: "delta", text: "so" });
    stop.abort();
    await expect(chat.next()).rejects.toMatchObject({ name: "AbortError" });
  });
});
