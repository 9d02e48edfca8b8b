import { describe, expect, test } from "vitest";
import { ApiError } from "../src/lib/api-error.ts";
import { type ChatEvent, readChat } from "../src/lib/chat-events.ts";

const MESSAGE = { id: 2, role: "assistant", content: "Grüße 🐟", tool_calls: [], created_at: "2026-01-01T00:00:00Z" };
const CALL = { name: "add_task", arguments: { title: "milk" }, result: { id: 1, title: "milk" }, ok: true };
const DONE = sent("done", { conversation_id: 5, message: MESSAGE });

function sent(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function pieces(...parts: Uint8Array<ArrayBuffer>[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

async function heard(text: string): Promise<ChatEvent[]> {
  return Array.fromAsync(readChat(pieces(bytes(text))));
}

describe("an answer", () => {
  const whole = [
    sent("conversation", { conversation_id: 5 }),
    sent("tool", CALL),
    sent("delta", { text: "Grüße " }),
    sent("delta", { text: "🐟" }),
    DONE,
  ].join("");
  const events: ChatEvent[] = [
    { type: "conversation", id: 5 },
    { type: "tool", call: CALL },
    { type: "delta", text: "Grüße " },
    { type: "delta", text: "🐟" },
    { type: "done", conversation: 5, message: { ...MESSAGE, role: "assistant" } },
  ];

  test("is read event by event", async () => {
    expect(await heard(whole)).toEqual(events);
  });

  test("is the same wherever the network cuts it, within a character too", async () => {
    const all = bytes(whole);
    for (let cut = 1; cut < all.length; cut += 1) {
      const read = await Array.fromAsync(readChat(pieces(all.slice(0, cut), all.slice(cut))));
      expect(read, `cut at byte ${cut}`).toEqual(events);
    }
  });

  test("may end its lines with CR LF, hold comments and events of a newer server", async () => {
    const text = `: ping\r\n\r\n${sent("thought", { text: "hm" })}${DONE}`.replaceAll(/\r?\n/g, "\r\n");
    expect(await heard(text)).toEqual([events.at(-1)]);
  });
});

describe("an answer that does not come to its end", () => {
  test("is the server's error where it sent one", async () => {
    const text =
      sent("delta", { text: "so" }) + sent("error", { error: { code: "model_timeout", message: "Too slow." } });
    const reading = heard(text);
    await expect(reading).rejects.toThrow(ApiError);
    await expect(reading).rejects.toMatchObject({ code: "model_timeout", message: "Too slow." });
  });

  test("is an error where the stream just stops", async () => {
    await expect(heard(sent("delta", { text: "so" }))).rejects.toThrow(/ended before/);
    await expect(heard("")).rejects.toThrow(/ended before/);
  });

  test("is an error where an event cannot be read", async () => {
    await expect(heard(`event: delta\ndata: {"text\n\n${DONE}`)).rejects.toThrow(SyntaxError);
  });
});
