"""The kinds of requests that are counted, and that the profile is made of."""

import json

KEY = "key"


class Kind:
    """One kind of request."""

    numbers = iter(range(10**9))

    def __init__(self, name, status=200, query="", receiver="oc_5ad11d72b830411d72b8{:06}", **headers):
        self.name, self.status, self.query, self.receiver = name, status, query, receiver
        self.headers = {"x_api_key": KEY, "content_type": "application/json"} | headers

    def send(self, connection):
        number = next(self.numbers)
        body = json.dumps({"receive_id": self.receiver.format(number)})
        headers = {name.replace("_", "-"): value.format(number) for name, value in self.headers.items()}
        connection.request("POST", f"/v1/messages/om_dc13264520392913993dd051dba21dcf/forward{self.query}", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status


KINDS = [
    Kind("a forward"),
    Kind("a forward with a key of its own", idempotency_key="order-{}"),
    Kind("a dry run", query="?dry_run=true"),
    Kind("a receiver that has had enough", 429, receiver="oc_5ad11d72b830411d72b836c20", prefer="wait=0"),
    Kind("a wrong API key", 401, x_api_key="wrong"),
]
