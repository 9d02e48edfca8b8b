/** The browser's side of the API. */
import { ApiError } from "./api-error.ts";
import { type ChatEvent, readChat, type ToolCall } from "./chat-events.ts";

export interface User {
  id: number;
  email: string;
}

export interface Todo {
  id: number;
  title: string;
  description: string | null;
  completed: boolean;
  created_at: string;
  updated_at: string;
}

export interface TodoPage {
  /** Newest first. */
  todos: Todo[];
  /** How many there are in all, of which the server sent the newest. */
  total: number;
}

export interface TodoChanges {
  title?: string;
  description?: string | null;
  completed?: boolean;
}

export interface Conversation {
  id: number;
  title: string | null;
  created_at: string;
  updated_at: string;
}

export interface Message {
  id: number;
  role: "user" | "assistant";
  content: string;
  tool_calls: ToolCall[] | null;
  created_at: string;
}

export type Api = ReturnType<typeof createApi>;

/** Longer than the 15 s within which the server answers, so that its reason is told. */
const PATIENCE_MS = 20_000;
/** The same for the chat, whose MODEL_TIMEOUT_SECONDS may be set to 60; the user can stop it at any time. */
const CHAT_PATIENCE_MS = 70_000;

const TOO_LATE = "The server took too long to answer.";
const NO_CONNECTION = "There is no connection to the server.";
const BROKEN_OFF = "The answer broke off before its end.";

interface Options {
  method?: string;
  body?: object;
  accept?: string;
  signal?: AbortSignal;
}

/**
 * Return the calls that the page makes.
 *
 * @param base what stands before /api/...; empty: the address that the page came from.
 * @param onSessionEnd called where the server no longer knows who asks; the call fails all the same.
 * @param patienceMs milliseconds until an answer must be there, and the longest silence within one that streams.
 */
export function createApi(base: string, onSessionEnd: () => void, patienceMs?: number) {
  async function request(path: string, { method = "GET", body, accept, signal }: Options = {}): Promise<Response> {
    try {
      return await fetch(`${base}${path}`, {
        method,
        headers: { ...(accept && { Accept: accept }), ...(body && { "Content-Type": "application/json" }) },
        body: body ? JSON.stringify(body) : null,
        credentials: base ? "include" : "same-origin",
        signal: signal ?? AbortSignal.timeout(patienceMs ?? PATIENCE_MS),
      });
    } catch (fault) {
      throw new ApiError(isTimeout(fault) ? TOO_LATE : NO_CONNECTION);
    }
  }

  async function call(path: string, options?: Options): Promise<Response> {
    const answer = await request(path, options);
    if (answer.ok) return answer;
    const error = await reason(answer);
    if (answer.status === 401 && error.code !== "invalid_credentials") onSessionEnd();
    throw error;
  }

  async function json<T>(path: string, options?: Options): Promise<T> {
    return read(await call(path, options));
  }

  /** Whom the server takes the browser for; undefined: for nobody. */
  async function me(): Promise<User | undefined> {
    const answer = await request("/api/auth/me");
    if (answer.status === 401) return undefined;
    if (!answer.ok) throw await reason(answer);
    return read(answer);
  }

  /**
   * Say something and hear the answer as it comes.
   *
   * @param stop aborts the answer; aborted by this function where the server falls silent.
   * @throws ApiError where the answer did not come to its end and nobody stopped it.
   */
  async function* chat(
    text: string,
    conversation: number | undefined,
    stop: AbortController,
  ): AsyncGenerator<ChatEvent> {
    const giveUp = () => stop.abort(new ApiError(TOO_LATE));
    const patience = patienceMs ?? CHAT_PATIENCE_MS;
    let timer = setTimeout(giveUp, patience);
    try {
      const answer = await call("/api/chat", {
        method: "POST",
        body: { message: text, ...(conversation !== undefined && { conversation_id: conversation }) },
        accept: "text/event-stream",
        signal: stop.signal,
      });
      if (answer.body === null) throw new ApiError(BROKEN_OFF);
      for await (const event of readChat(answer.body)) {
        clearTimeout(timer);
        timer = setTimeout(giveUp, patience);
        yield event;
      }
    } catch (fault) {
      if (stop.signal.aborted) throw stop.signal.reason;
      throw fault instanceof ApiError ? fault : new ApiError(BROKEN_OFF);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    me,
    signUp: (email: string, password: string) =>
      call("/api/auth/signup", { method: "POST", body: { email, password } }),
    logIn: (email: string, password: string) => call("/api/auth/login", { method: "POST", body: { email, password } }),
    logOut: () => call("/api/auth/logout", { method: "POST" }),

    async todos(): Promise<TodoPage> {
      const answer = await call("/api/todos");
      const todos = await read<Todo[]>(answer);
      return { todos, total: Number(answer.headers.get("X-Total-Count") ?? todos.length) };
    },
    addTodo: (title: string, description: string) =>
      json<Todo>("/api/todos", { method: "POST", body: { title, ...(description && { description }) } }),
    changeTodo: (id: number, changes: TodoChanges) =>
      json<Todo>(`/api/todos/${id}`, { method: "PATCH", body: changes }),
    deleteTodo: (id: number) => call(`/api/todos/${id}`, { method: "DELETE" }),

    chat,
    /** Newest first. */
    conversations: () => json<Conversation[]>("/api/conversations?limit=50"),
    messages: (id: number) => json<Message[]>(`/api/conversations/${id}/messages`),
    deleteConversation: (id: number) => call(`/api/conversations/${id}`, { method: "DELETE" }),
  };
}

async function read<T>(answer: Response): Promise<T> {
  try {
    return await answer.json();
  } catch (fault) {
    throw new ApiError(isTimeout(fault) ? TOO_LATE : BROKEN_OFF);
  }
}

async function reason(answer: Response): Promise<ApiError> {
  try {
    const { error } = await answer.json();
    return new ApiError(error.message, error.code);
  } catch {
    return new ApiError(`The server answered ${answer.status}.`);
  }
}

function isTimeout(fault: unknown): boolean {
  return fault instanceof Error && fault.name === "TimeoutError";
}
