"""Texts of calls: kept when the project says so, seen by members who may build."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.utils import timezone

from frontend.calls.said import Turn, read_said
from metering.services.forget_texts import forget_texts
from metering.text_models import KeptText
from tenants.domain.roles import Role
from tenants.models import Member
from tests.frontend.believable import call, event_id_at, record

REQUEST = json.dumps(
    {
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": [{"type": "text", "text": "Why <b>?"}]},
        ]
    }
)
ANSWER = json.dumps({"choices": [{"message": {"content": "Because."}}]})


def kept(request=REQUEST, answer=ANSWER, **changes):
    return KeptText(
        **{
            "event_id": UUID(int=1),
            "tenant_id": 1,
            "project_id": 1,
            "happened_at": datetime(2026, 11, 21, tzinfo=UTC),
            "request": request,
            "answer": answer,
            "is_streamed": False,
            "is_cut": False,
            **changes,
        }
    )


@pytest.fixture
def path(people):
    return f"/settings/projects/{people.project.pk}/texts/"


def test_it_works(people, version, path):
    owner = people.client("owner")
    page = owner.post(path, {"days": "7"}, follow=True).content.decode()
    assert "Saved." in page
    assert "kept for 7 days" in page

    now = timezone.now()
    event_id = UUID(event_id_at(now))
    record([call(people.api_key, version, now, event_id=event_id.hex)], now)
    mine = {"tenant_id": people.tenant.pk, "project_id": people.project.pk}
    kept(event_id=event_id, happened_at=now, **mine).save()
    address = f"/usage/calls/req_{event_id.hex}/"
    page = owner.get(address).content.decode()
    assert "Be short." in page
    assert "Why &lt;b&gt;?" in page
    assert "Because." in page

    Member.objects.filter(user=people.users["colleague"]).update(role=Role.VIEWER)
    assert "Because." not in people.client("colleague").get(address).content.decode()

    owner.post(path, {"days": ""})
    assert not KeptText.objects.exists()
    assert "Because." not in owner.get(address).content.decode()


def test_it_leaves_the_texts_of_other_projects_to_the_beat(people, path):
    theirs = people.strangers_key
    of_other = {"tenant_id": theirs.tenant_id, "project_id": theirs.project_id}
    kept(**of_other).save()
    mine = {"tenant_id": people.tenant.pk, "project_id": people.project.pk}
    kept(event_id=UUID(int=2), **mine).save()

    people.client("owner").post(path, {"days": ""})

    assert [one.event_id.int for one in KeptText.objects.all()] == [1]
    assert forget_texts(now=timezone.now()) == 1


def test_it_refuses_other_times(people, path):
    response = people.client("owner").post(path, {"days": "8"})

    assert response.status_code == 422
    assert response.context["form"].errors["days"]


def test_it_shows_who_said_what():
    said = read_said(kept())
    assert said.turns == [
        Turn(role="system", text="Be short."),
        Turn(role="user", text="Why <b>?"),
    ]
    assert said.answer == "Because."
    assert json.loads(said.request_source) == json.loads(REQUEST)


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([{"choices": [{"delta": {"content": "A"}}]},
          {"choices": [{"delta": {"content": "B"}}]}, {"choices": []}], "AB"),
        ([{"choices": [{"text": "A"}]}, {"choices": [{"text": "B"}]}], "AB"),
        ([{"type": "response.output_text.delta", "delta": "A"},
          {"type": "response.completed", "response": {}}], "A"),
        ([{"type": "content_block_delta", "delta": {"type": "text_delta",
                                                    "text": "A"}}], "A"),
    ],
)  # fmt: skip
def test_it_puts_a_stream_together(events, text):
    lines = [f"event: x\ndata: {json.dumps(event)}\n\n" for event in events]
    source = "".join(lines) + "data: [DONE]\n\n"
    assert read_said(kept(answer=source, is_streamed=True)).answer == text


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"choices": [{"text": "A"}]}, "A"),
        ({"output": [{"content": [{"type": "output_text", "text": "A"}]}]}, "A"),
        ({"content": [{"type": "text", "text": "A"}]}, "A"),
        ({"data": [{"embedding": [1.0]}]}, ""),
    ],
)
def test_it_finds_the_text_of_an_answer(answer, text):
    assert read_said(kept(answer=json.dumps(answer))).answer == text


@pytest.mark.parametrize("cut", ['{"messages":[{"role":"us', "", "null", "[1]", '"x"'])
def test_it_shows_what_it_cannot_read_as_it_is(cut):
    said = read_said(kept(request=cut, answer=cut, is_cut=True))
    assert (said.turns, said.answer) == ([], "")
    assert "".join(said.request_source.split()) == "".join(cut.split())
