/** An answer of the chat as it comes: server-sent events, read from the body of a POST, which EventSource cannot send. */
import { type EventSourceMessage, EventSourceParserStream } from "eventsource-parser/stream";
import type { Message } from "./api.ts";
import { ApiError } from "./api-error.ts";

export interface ToolCall {
  name: string;
  arguments: Record<string, unknown>;
  result: unknown;
  ok: boolean;
}

export type ChatEvent =
  | { type: "conversation"; id: number }
  | { type: "tool"; call: ToolCall }
  | { type: "delta"; text: string }
  | { type: "done"; conversation: number; message: Message };

/**
 * Read a chat answer until its end.
 *
 * @throws ApiError with the server's sentence where it sent `error`; any other error where the stream ended before `done`.
 */
export async function* readChat(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<ChatEvent> {
  const events = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()).getReader();
  let finished = false;
  for (let read = await events.read(); !read.done; read = await events.read()) {
    const event = understand(read.value);
    if (event === undefined) continue;
    finished = event.type === "done";
    yield event;
  }
  if (!finished) throw new Error("the stream ended before `done`");
}

function understand({ event, data }: EventSourceMessage): ChatEvent | undefined {
  switch (event) {
    case "conversation":
      return { type: event, id: JSON.parse(data).conversation_id };
    case "tool":
      return { type: event, call: JSON.parse(data) };
    case "delta":
      return { type: event, text: JSON.parse(data).text };
    case "done": {
      const { conversation_id, message } = JSON.parse(data);
      return { type: event, conversation: conversation_id, message };
    }
    case "error": {
      const { error } = JSON.parse(data);
      throw new ApiError(error.message, error.code);
    }
    default:
      return undefined; // of a newer server
  }
}
