"""A Feishu that always says yes, and nothing else, on a free port of loopback."""

import http.server
import json
import ssl
import threading

TOKEN = {"code": 0, "msg": "ok", "tenant_access_token": "t-fixed", "expire": 7200}
MESSAGE = {
    "message_id": "om_5ad11d72b830411d72b836c20a1b2c3d", "root_id": "", "parent_id": "",
    "msg_type": "interactive", "create_time": "1609296809000", "update_time": "1609296809000",
    "deleted": False, "updated": False, "chat_id": "oc_5ad11d72b830411d72b836c20",
    "sender": {"id": "cli_9f427eec54ae901b", "id_type": "app_id", "sender_type": "app", "tenant_key": "736588c9260f175e"},
    "body": {"content": "{\"text\":\"hello\"}"},
}
FORWARDED = {"code": 0, "msg": "success", "data": MESSAGE}
MERGED = {"code": 0, "msg": "success", "data": {"message": MESSAGE, "invalid_message_id_list": []}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Answers are small: head and body leave together.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        kind = TOKEN if "/auth/" in self.path else MERGED if "/merge_forward" in self.path else FORWARDED
        answer = json.dumps(kind).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("X-Tt-Logid", "20260101000000010000000000000001")
        self.end_headers()
        self.wfile.write(answer)
        self.wfile.flush()

    def log_message(self, *_):
        pass


def start(identity=None):
    """Starts it, with TLS if there is a file with its certificate and key, and returns its address; it ends with the
    process."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if identity:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http{'s' if identity else ''}://127.0.0.1:{server.server_port}"
