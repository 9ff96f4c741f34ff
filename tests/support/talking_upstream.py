#!/usr/bin/env python3
"""An upstream in a process of its own, so that it can be stopped, killed and cut off: it answers in OpenAI's chat shape.

    talking_upstream.py ADDRESS PORT

A stream says a word every 50 ms until nobody listens any more; a plain request is answered at once. With port 0 it
takes a free one. It prints `LISTENING ADDRESS:PORT`.
"""

import http.server
import json
import sys
import time

APART = 0.05
WORDS_MAX = 2000


def chunk(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "tiny-1", "choices": [choice]}
    return f"data: {json.dumps(body)}\n\n"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not body.get("stream"):
            message = {"role": "assistant", "content": "Here are the words."}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5}
            answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "tiny-1", "choices": [choice]}
            answer = json.dumps(answer | {"usage": usage}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.say(chunk({"role": "assistant", "content": ""}))
        for _ in range(WORDS_MAX):
            self.say(chunk({"content": "word "}))
            time.sleep(APART)
        self.say(chunk({}, "stop") + "data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def say(self, text):
        self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """Callers that leave are what this is for."""


def main():
    with Server((sys.argv[1], int(sys.argv[2])), Handler) as server:
        print(f"LISTENING {sys.argv[1]}:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
