"""nginx: the upstream that answers in place of Feishu, and the plain proxy that the gateway is compared with."""

import json

from processes import Process, answers, free_port, listens, until

TOKEN = "t-g1044qeGEDXTB6NDJOGV4JQCYDGHRBARFTGT1234"
# Who forwards this message hears that the app's limit is used up, for as long as the gateway believes it.
CLOSING_MESSAGE = "om_closing"

_FRAME = """\
worker_processes auto;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  log_format json escape=json '{{"time":"$time_iso8601","request_id":"$request_id","method":"$request_method",'
    '"uri":"$uri","status":$status,"upstream_time":"$upstream_response_time","time_taken":$request_time}}';
  access_log {access_log};
  keepalive_requests 1000000000;
  client_body_temp_path {folder};
  proxy_temp_path {folder};
  fastcgi_temp_path {folder};
  uwsgi_temp_path {folder};
  scgi_temp_path {folder};
{inside}
}}
"""

_UPSTREAM = """\
  default_type application/json;
  server {{
    listen 127.0.0.1:{port}{tls} reuseport;{identity}
    add_header X-Tt-Logid 202601010000000100000000000000FFFF always;
    location = /open-apis/auth/v3/tenant_access_token/internal {{ return 200 '{token}'; }}
    location = /open-apis/im/v1/messages/{closing}/forward {{
      add_header x-ogw-ratelimit-reset 300 always;
      return 429 '{{"code":99991400,"msg":"request trigger frequency limit"}}';
    }}
    location / {{ return 200 '{message}'; }}
  }}"""

_PROXY = """\
  upstream feishu {{
    server 127.0.0.1:{upstream};
    keepalive 64;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port} reuseport;
    location / {{
      rewrite ^/v1/(messages/[^/]+/forward)$ /open-apis/im/v1/$1?receive_id_type=chat_id&uuid=$request_id break;
      proxy_pass {scheme}://feishu;{trust}
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer {token}";
    }}
  }}"""

_GRANT = {"code": 0, "msg": "ok", "tenant_access_token": TOKEN, "expire": 7200}
_FORWARDED = {"code": 0, "msg": "success", "data": {
    "message_id": "om_5ad11d72b830411d72b836c20a1b2c3d", "msg_type": "text", "create_time": "1795334631779",
    "update_time": "1795334631779", "deleted": False, "updated": False, "chat_id": "oc_5ad11d72b830411d72b836c20",
    "sender": {"id": "cli_9f427eec54ae901b", "id_type": "app_id", "sender_type": "app",
               "tenant_key": "736588c9260f175e"},
    "body": {"content": json.dumps({"text": "test content"})}}}


class Nginx(Process):
    """An nginx that listens on a port of its own."""

    def __init__(self, name, cache, inside, logs=False):
        folder = cache / name
        folder.mkdir(exist_ok=True)
        access_log = folder / "access.log"
        self.port = free_port()
        # nginx reads a backslash in quotes away.
        inside = inside.replace("\\", "\\\\").replace("{port}", str(self.port))
        config = folder / "nginx.conf"
        config.write_text(_FRAME.format(
            folder=folder, inside=inside, access_log=f"{access_log} json" if logs else "off"))
        super().__init__(name, ["nginx", "-p", folder, "-c", config, "-e", folder / "error.log"], cache)
        self.logs += [access_log] if logs else []

    def ready(self):
        until(lambda: answers(self.port, "/"), f"{self.name} answers")
        return self


def upstream(cache, identity=None):
    """Answers like Feishu, always the same; with TLS if there is a file with its certificate and key."""
    tls = f"\n    ssl_certificate {identity};\n    ssl_certificate_key {identity};\n    ssl_protocols TLSv1.3;" if identity else ""
    inside = _UPSTREAM.format(
        port="{port}", tls=" ssl" if identity else "", identity=tls, closing=CLOSING_MESSAGE, token=json.dumps(_GRANT), message=json.dumps(_FORWARDED))
    server = Nginx("upstream-tls" if identity else "upstream", cache, inside)
    if not identity:
        return server.ready()
    until(lambda: listens(server.port), f"{server.name} listens")
    return server


def proxy(cache, name, upstream_port, logs=False, authority=None):
    """A proxy before it that adds what Feishu needs, and logs each request or does not; with TLS, and certificates checked,
    if there is a file with the authority's."""
    trust = (f"\n      proxy_ssl_verify on;\n      proxy_ssl_trusted_certificate {authority};\n"
             "      proxy_ssl_name feishu;\n      proxy_ssl_protocols TLSv1.3;") if authority else ""
    inside = _PROXY.format(port="{port}", upstream=upstream_port, token=TOKEN, trust=trust,
                           scheme="https" if authority else "http")
    return Nginx(name, cache, inside, logs)
