"""A conversation by chat whose KV is leased from turn to turn."""

import httpx

from tests.metering.proxy.conftest import ENGINE_KEY

SYSTEM = "You are a careful clerk. " * 40


def forget_leases(plane):
    """Of tests before: they would fill what the tenant may hold."""
    plane.order_fault("lose")
    assert plane.chat(plane.secret).is_success


def leases_on(plane, number=1):
    """What that engine holds, by lease id."""
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(plane.engines[number])),
        headers={"authorization": f"Bearer {ENGINE_KEY}"},
    ) as client:
        found = client.get("http://engine/v1/tokenfab/leases")
    return {one["lease_id"]: one for one in found.json()["leases"]}


class Talk:
    """A conversation by chat; every turn sends all that was said before."""

    def __init__(self, plane, *, secret=None, **retention):
        self.plane = plane
        self.secret = secret or plane.secret
        self.retention = {"timeout": "60s"} | retention
        self.messages = [{"role": "system", "content": SYSTEM}]
        self.lease = None

    def body(self, says, **fields):
        self.messages.append({"role": "user", "content": says})
        body = {"model": "default", "messages": self.messages, "max_tokens": 40}
        if self.retention:
            body["kv_retention"] = self.retention
        if self.lease:
            body["kv_lease"] = self.lease
        return body | fields

    def post(self, body, **headers):
        return self.plane.client.post(
            "/v1/chat/completions",
            json=body,
            headers={"authorization": f"Bearer {self.secret}", **headers},
        )

    def turn(self, says, **fields):
        """The answer; its lease is continued by the next turn."""
        answer = self.post(self.body(says, **fields))
        assert answer.status_code == 200, answer.text
        found = answer.json()
        self.messages.append(found["choices"][0]["message"])
        if found.get("kv_lease"):
            self.lease = found["kv_lease"]["id"]
        return found
