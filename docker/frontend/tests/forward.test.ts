import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, test, vi } from "vitest";
import { forward, limitMs } from "../src/lib/forward.ts";
import { bodyOf, deserted, json, stubServer } from "./server.ts";

const backend = stubServer();

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url, headers } = request;
  const body = await bodyOf(request);
  json(201, { method, url, headers, body }, { Location: "/api/todos/1", "Keep-Alive": "timeout=5" })(request, response);
}

function page(path: string, options?: RequestInit): Request {
  return new Request(`http://todo.local${path}`, options);
}

describe("a request", () => {
  test("arrives as it was sent", async () => {
    backend.answer = echo;
    const given = await forward(
      page("/api/todos?limit=2", {
        method: "POST",
        body: '{"title":"x"}',
        headers: { "Content-Type": "application/json", "X-Request-ID": "abc", Connection: "close" },
      }),
      backend.url,
    );
    const seen = await given.json();
    expect(given.status).toBe(201);
    expect(given.headers.get("location")).toBe("/api/todos/1");
    expect(given.headers.get("keep-alive")).toBeNull();
    expect(seen).toMatchObject({ method: "POST", url: "/api/todos?limit=2", body: '{"title":"x"}' });
    expect(seen.headers).toMatchObject({ "x-request-id": "abc", host: backend.url.host });
  });

  test("keeps who asks, and from where", async () => {
    backend.answer = echo;
    const headers = {
      Authorization: "Bearer abc",
      Cookie: "todo_session=abc; other=1",
      "X-Forwarded-For": "203.0.113.7, 10.0.0.1",
      "X-Forwarded-Proto": "https",
    };
    const seen = await (await forward(page("/api/auth/me", { headers }), backend.url)).json();
    expect(seen.headers).toMatchObject({
      authorization: "Bearer abc",
      cookie: "todo_session=abc; other=1",
      "x-forwarded-for": "203.0.113.7, 10.0.0.1",
      "x-forwarded-proto": "https",
    });
  });

  test("cannot lead to another host", async () => {
    backend.answer = echo;
    const seen = await (await forward(page("//elsewhere.invalid/api"), backend.url)).json();
    expect(seen.url).toBe("//elsewhere.invalid/api");
    expect(seen.headers.host).toBe(backend.url.host);
  });
});

describe("an answer", () => {
  test("that is empty stays empty", async () => {
    backend.answer = (_, response) => response.writeHead(204).end();
    const given = await forward(page("/api/todos/1", { method: "DELETE" }), backend.url);
    expect(given.status).toBe(204);
    expect(await given.text()).toBe("");
  });

  test("that redirects is handed on, not followed", async () => {
    backend.answer = (_, response) => response.writeHead(307, { Location: "http://elsewhere.invalid/" }).end();
    expect((await forward(page("/api/todos"), backend.url)).status).toBe(307);
  });

  test("keeps each of its cookies", async () => {
    const cookies = [
      "todo_session=abc; HttpOnly; Path=/; SameSite=Strict",
      "other=1; Expires=Thu, 01 Jan 2032 00:00:00 GMT",
    ];
    backend.answer = json(200, {}, { "Set-Cookie": cookies });
    const given = await forward(page("/api/auth/login", { method: "POST", body: "{}" }), backend.url);
    expect(given.headers.getSetCookie()).toEqual(cookies);
  });

  test("is handed on piece by piece, however long it takes, and nothing may hold it back", async () => {
    const client = Promise.withResolvers<void>();
    backend.answer = async (_, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
      response.write("first");
      await client.promise;
      response.end("second");
    };
    const given = await forward(page("/api/chat", { method: "POST", body: "{}" }), backend.url, 100);
    const reader = (given.body as ReadableStream<Uint8Array>).getReader();
    const text = new TextDecoder();
    expect(text.decode((await reader.read()).value)).toBe("first");
    await new Promise((resolve) => setTimeout(resolve, 200)); // longer than the first byte may take
    client.resolve();
    expect(text.decode((await reader.read()).value)).toBe("second");
    expect(given.headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(given.headers.get("x-accel-buffering")).toBe("no");
  });

  test("that is no stream keeps its Cache-Control", async () => {
    backend.answer = json(200, [], { "Cache-Control": "no-store" });
    expect((await forward(page("/api/todos"), backend.url)).headers.get("cache-control")).toBe("no-store");
  });
});

describe("a client that goes away", () => {
  test("before the answer ends the backend's request", async () => {
    const ended = Promise.withResolvers<void>();
    const client = new AbortController();
    backend.answer = (_, response) => {
      response.on("close", () => ended.resolve());
      client.abort();
    };
    const given = await forward(page("/api/todos", { signal: client.signal }), backend.url);
    await ended.promise;
    expect(given.status).toBe(499);
  });

  test("within the answer ends it too", async () => {
    const ended = Promise.withResolvers<void>();
    const client = new AbortController();
    backend.answer = (_, response) => {
      response.on("close", () => ended.resolve());
      response.write("first");
    };
    const given = await forward(page("/api/chat", { signal: client.signal }), backend.url);
    client.abort();
    await ended.promise;
    await expect(given.text()).rejects.toThrow();
  });
});

describe("a backend", () => {
  test("that is not there is 502", async () => {
    const written = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    const given = await forward(page("/api/todos"), await deserted());
    const line = JSON.parse(String(written.mock.calls[0]?.[0]));
    written.mockRestore();
    expect(given.status).toBe(502);
    expect((await given.json()).error.code).toBe("backend_unreachable");
    expect(line).toMatchObject({ level: "ERROR", path: "/api/todos", cause: expect.stringContaining("ECONNREFUSED") });
  });

  test("that does not answer in time is 504", async () => {
    backend.answer = () => {};
    const given = await forward(page("/api/todos"), backend.url, 50);
    expect(given.status).toBe(504);
    expect((await given.json()).error.code).toBe("backend_timeout");
  });

  test("may take as long for the chat as it can be told to", () => {
    expect(limitMs("/api/chat")).toBeGreaterThan((60 + 4) * 1000);
    expect(limitMs("/api/chats")).toBe(limitMs("/api/todos"));
    expect(limitMs("/api/todos")).toBeLessThan(15_000);
  });

  test("whose connection died in the pool is asked once more for GET, never for POST", async () => {
    let calls = 0;
    backend.answer = (request, response) => {
      calls += 1;
      if (calls === 1) request.socket.destroy();
      else response.end("[]");
    };
    expect((await forward(page("/api/todos"), backend.url)).status).toBe(200);
    expect(calls).toBe(2);
    calls = 0;
    expect((await forward(page("/api/todos", { method: "POST", body: "{}" }), backend.url)).status).toBe(502);
    expect(calls).toBe(1);
  });
});
