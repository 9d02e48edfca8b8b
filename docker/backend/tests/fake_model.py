"""An endpoint of OpenAI's kind that answers what a test has told it to, one answer for each request."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

KEY = "sk-key-for-tests"

Answer = Callable[["Handler"], None]


class FakeModel:
    """Listens on a loopback port while it is entered.

    Attributes:
        asked: the bodies of all requests, oldest first.
        held: let go by a test that has told an answer to wait for it.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.held = threading.Event()
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"model": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.held.set()
        self._server.shutdown()
        self._server.server_close()

    def will(self, *answers: Answer) -> None:
        """Answer so, in this order. A request that finds no answer left fails."""
        for answer in answers:
            self.answers.put(answer)

    @property
    def last(self) -> list[dict[str, Any]]:
        """The messages of the last request."""
        return list(self.asked[-1]["messages"])


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    model: FakeModel
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == "/v1/chat/completions", self.path
        assert body["stream"] is True
        self.model.asked.append(body)
        self.model.keys.append(self.headers["Authorization"])
        try:
            self.model.answers.get_nowait()(self)
        except BrokenPipeError:
            pass  # the caller has gone
        except queue.Empty:
            fails(500)(self)

    def begin(self) -> None:
        """Send the head of a stream."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def piece(self, data: str) -> None:
        """Send one event."""
        event = f"data: {data}\n\n".encode()
        self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        self.wfile.flush()

    def delta(self, delta: dict[str, Any], finish_reason: str | None = None) -> None:
        """Send a piece of the answer."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake"}
        self.piece(json.dumps({**head, "choices": [choice]}))

    def end(self, finish_reason: str) -> None:
        """Send the end of the answer and of the stream."""
        self.delta({}, finish_reason)
        self.piece("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        """Tests look at what the model was asked, not at its log."""


def says(*words: str) -> Answer:
    """These words, each in an event of its own."""

    def answer(handler: Handler) -> None:
        handler.begin()
        for word in words:
            handler.delta({"content": word})
        handler.end("stop")

    return answer


def calls(*wanted: tuple[str, Any], first: Iterable[str] = ()) -> Answer:
    """These tools with these arguments (text is sent as it is), in pieces; ``first`` it says something."""

    def answer(handler: Handler) -> None:
        handler.begin()
        for word in first:
            handler.delta({"content": word})
        for index, (name, arguments) in enumerate(wanted):
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            function = {"name": name, "arguments": ""}
            handler.delta({"tool_calls": [{"index": index, "id": f"call_{index}", "type": "function", "function": function}]})
            for start in range(0, len(text), 5):
                handler.delta({"tool_calls": [{"index": index, "function": {"arguments": text[start : start + 5]}}]})
        handler.end("tool_calls")

    return answer


def fails(status: int) -> Answer:
    """This status, and words that repeat a part of the key as OpenAI's do."""

    def answer(handler: Handler) -> None:
        body = json.dumps({"error": {"message": f"failed for {KEY}", "type": "server_error", "code": "some_code"}}).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def breaks_off(*words: str) -> Answer:
    """These words, then the connection is gone."""

    def answer(handler: Handler) -> None:
        handler.begin()
        for word in words:
            handler.delta({"content": word})
        handler.close_connection = True

    return answer


def sends(*pieces: str) -> Answer:
    """These events, whatever they are, and a proper end of the stream."""

    def answer(handler: Handler) -> None:
        handler.begin()
        for piece in pieces:
            handler.piece(piece)
        handler.wfile.write(b"0\r\n\r\n")

    return answer


def holds(*words: str, rest: Iterable[str] = ()) -> Answer:
    """These words, or without any silence; and the rest when the test lets it go."""

    def answer(handler: Handler) -> None:
        if words:
            handler.begin()
        for word in words:
            handler.delta({"content": word})
        handler.model.held.wait(60)
        if not words:
            handler.begin()
        for word in rest:
            handler.delta({"content": word})
        handler.end("stop")

    return answer
