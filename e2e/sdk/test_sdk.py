"""What Feishu's official Python SDK makes of the simulator. The package is used as it is published."""

import json
import os
import unittest
import urllib.request

import lark_oapi
from lark_oapi.api.im.v1 import ForwardMessageRequest, ForwardMessageRequestBody
from lark_oapi.core.exception import ObtainAccessTokenException
from lark_oapi.core.token import TokenManager

DOMAIN = os.environ["SIMULATOR_URL"]
APP_ID = os.environ["SIMULATOR_APP_ID"]
APP_SECRET = os.environ["SIMULATOR_APP_SECRET"]


def forward(receive_id, uuid=None, secret=APP_SECRET):
    client = lark_oapi.Client.builder().app_id(APP_ID).app_secret(secret).domain(DOMAIN).build()
    body = ForwardMessageRequestBody.builder().receive_id(receive_id).build()
    request = ForwardMessageRequest.builder().message_id("om_1").receive_id_type("chat_id").request_body(body)
    if uuid is not None:
        request = request.uuid(uuid)
    return client.im.v1.message.forward(request.build())


def control(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{DOMAIN}/_simulator/{path}", data, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


class OfficialSdk(unittest.TestCase):
    def setUp(self):
        control("DELETE", "ledger")
        # The SDK keeps one token per app id for the whole process, whatever the secret is.
        TokenManager.cache = type(TokenManager.cache)()

    def test_a_forward_succeeds_and_one_token_serves_two_forwards(self):
        answer = forward("oc_python", uuid="u-1 a/b")
        forward("oc_python")
        self.assertTrue(answer.success())
        self.assertTrue(answer.data.message_id.startswith("om_"))
        self.assertEqual(answer.data.chat_id, "oc_python")
        self.assertEqual(answer.data.sender.id, APP_ID)
        self.assertTrue(answer.get_log_id())

        ledger = control("GET", "ledger")
        token, *forwards = ledger["attempts"]
        self.assertEqual(token["api"], "tenant_access_token")
        self.assertNotIn("content-type", dict(token["headers"]))
        self.assertEqual([forward["api"] for forward in forwards], ["forward", "forward"])
        self.assertEqual(len(ledger["deliveries"]), 2)
        self.assertEqual(ledger["deliveries"][0]["new_message_id"], answer.data.message_id)
        self.assertEqual(ledger["deliveries"][0]["uuid"], "u-1 a/b")

    def test_a_repeat_with_the_same_uuid_gets_the_first_message(self):
        first = forward("oc_python_repeat", uuid="python-repeat")
        second = forward("oc_python_repeat", uuid="python-repeat")
        self.assertEqual(second.data.message_id, first.data.message_id)

    def test_230002_comes_with_its_text_and_its_log_id(self):
        answer = forward("oc_code_230002")
        self.assertEqual((answer.raw.status_code, answer.code), (400, 230002))
        self.assertEqual(answer.msg, "The bot can not be outside the group.")
        self.assertTrue(answer.get_log_id())
        # The SDK announces an object, but hands out the dictionary as it came.
        self.assertEqual(answer.error["log_id"], answer.get_log_id())
        self.assertIn("code=230002", answer.error["troubleshooter"])

    def test_99991400_comes_with_the_seconds_to_wait(self):
        kind = {"code": {"code": 99991400, "reset": 7}}
        control("POST", "faults", {"api": "forward", "kind": kind})
        answer = forward("oc_python")
        self.assertEqual((answer.raw.status_code, answer.code), (429, 99991400))
        self.assertEqual(answer.raw.headers["X-Ogw-Ratelimit-Reset"], "7")

    def test_a_full_receiver_is_refused(self):
        control("PATCH", "settings", {"receiver_per_second": 0})
        self.addCleanup(control, "PATCH", "settings", {"receiver_per_second": 5})
        answer = forward("oc_python")
        self.assertEqual((answer.raw.status_code, answer.code), (400, 230020))
        self.assertTrue(answer.msg.endswith(", ext=chat rate limit"))

    def test_a_wrong_field_is_named(self):
        answer = forward("oc_python", uuid="u" * 51)
        self.assertEqual(answer.code, 99992402)
        self.assertNotIn("field_violations", answer.error)
        answer = forward(None)
        self.assertEqual(answer.code, 99992402)
        self.assertEqual(answer.error["field_violations"][0]["field"], "receive_id")

    def test_with_a_wrong_secret_there_is_no_token(self):
        with self.assertRaises(ObtainAccessTokenException) as raised:
            forward("oc_python", secret="wrong")
        self.assertIn("app secret invalid", str(raised.exception))
        self.assertIn("10014", str(raised.exception))


if __name__ == "__main__":
    unittest.main()
