"""An agent that answers what a test tells it to, and keeps what it was asked: cops is tested against it.

    with FakeAgent(gops={0x4: b"version\n"}, pages={"/debug/memstats": b"{}"}) as agent:
        cops("version", agent.address)

A request of gops' protocol begins with a byte that is no letter and has 11 bytes at most; a page is one of HTTP. What
is told may be bytes, or a function that is given the request (bytes, or method, path and body) and returns bytes; for a
page also (status, bytes).
"""
import os
import socket
import socketserver
import threading


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        agent = self.server.agent
        self.request.settimeout(20)
        try:
            asked = self.request.recv(65536)
            if not asked:
                return
            answer = self.page(agent, asked) if asked[:1].isalpha() else self.byte(agent, asked)
            self.request.sendall(answer)
        except OSError:
            pass  # a client that hangs up is a test's business

    @staticmethod
    def byte(agent, asked):
        agent.asked.append(asked)
        answer = agent.gops.get(asked[0], b"")
        return answer(asked) if callable(answer) else answer

    def page(self, agent, asked):
        while b"\r\n\r\n" not in asked:
            asked += self.request.recv(65536)
        head, _, body = asked.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        while len(body) < int(headers.get("content-length", "0")):
            body += self.request.recv(65536)
        method, path, _ = lines[0].split(" ")
        agent.asked.append((method, path, headers, body.decode()))
        answer = agent.pages.get(path.partition("?")[0], (404, b'{"code":"not found","message":"no such page"}'))
        if callable(answer):
            answer = answer(method, path, body.decode())
        status, text = answer if isinstance(answer, tuple) else (200, answer)
        return b"HTTP/1.1 %d Whatever\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(text), text)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class FakeAgent:
    def __init__(self, gops=None, pages=None, host="127.0.0.1"):
        self.gops, self.pages = gops or {}, pages or {}
        self.asked = []
        self.server = Server((host, 0), Handler)
        self.server.agent = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def port(self):
        return self.server.server_address[1]

    @property
    def address(self):
        return "%s:%d" % (self.server.server_address[0], self.port)

    @property
    def socket(self):
        """The listening socket: a process that has it open listens as well."""
        return self.server.socket

    def close(self):
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def refused_address():
    """An address at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % one.getsockname()[1]


def write_port(folder, pid, text):
    with open(os.path.join(folder, str(pid)), "w", encoding="ascii") as file:
        file.write(str(text))
