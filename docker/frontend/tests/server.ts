import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach } from "vitest";

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface Stub {
  url: URL;
  /** Replaced by each test. */
  answer: Answer;
}

/** A server on a loopback port, another one for each test: none meets a connection that the one before it has left. */
export function stubServer(): Stub {
  const stub: Stub = { url: new URL("http://unset.invalid"), answer: (_, response) => response.end() };
  let server: Server;

  beforeEach(async () => {
    server = createServer((request, response) => stub.answer(request, response));
    stub.url = await listen(server);
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
  });
  return stub;
}

/** An address where nobody listens; fetch itself refuses the well-known low ports. */
export async function deserted(): Promise<URL> {
  const server = createServer();
  const url = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return url;
}

export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

export function json(status: number, body: unknown, headers: Record<string, string | string[]> = {}): Answer {
  return (_, response) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
}

async function listen(server: Server): Promise<URL> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}
