"""A proxy that takes no server-sent events, in front of a gateway.

    no_streams.py URL
"""

import http.server
import sys
import urllib.error
import urllib.request


class Proxy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.endswith("/events"):
            self.send_error(502)
            return
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)) or None
        del self.headers["Host"]
        request = urllib.request.Request(sys.argv[1] + self.path, body, dict(self.headers), method=self.command)
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            content = answer.read()
            self.send_response(answer.status)
            for name in ("Content-Type", "Location"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    do_POST = do_GET


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
