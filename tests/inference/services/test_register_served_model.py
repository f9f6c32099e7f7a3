from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from inference.errors import InvalidServedModelError
from inference.models import ServedModel
from inference.services.register_served_model import register_served_model
from inference.wire import Task
from tests.parallel import in_parallel


def register(**changed):
    arguments: dict[str, Any] = {
        "name": "smollm2-135m-instruct",
        "title": "SmolLM2",
        "context_tokens": 4096,
        "is_default": True,
        "now": timezone.now(),
    }
    return register_served_model(**arguments | changed)


@pytest.mark.django_db
def test_it_works():
    now = timezone.now()

    model = register(now=now)

    model.refresh_from_db()
    assert (model.name, model.title) == ("smollm2-135m-instruct", "SmolLM2")
    assert (model.context_tokens, model.is_default) == (4096, True)
    assert model.created_at == now


@pytest.mark.django_db
def test_again_it_changes_the_row_and_not_its_age():
    first = register()

    second = register(title="Other", context_tokens=8192)

    assert second.pk == first.pk
    second.refresh_from_db()
    assert (second.title, second.context_tokens) == ("Other", 8192)
    assert second.created_at == first.created_at


@pytest.mark.django_db
def test_it_takes_a_task_and_a_tokenizer():
    model = register(task=Task.EMBED, tokenizer_folder="/models/small")

    model.refresh_from_db()
    assert (model.task, model.tokenizer_folder) == (Task.EMBED, "/models/small")


@pytest.mark.django_db
def test_a_new_default_takes_the_old_ones_place():
    register()

    register(name="llama")

    assert ServedModel.objects.get(is_default=True).name == "llama"
    assert ServedModel.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_parallel_calls_leave_one_default():
    in_parallel(*[partial(register, name=f"model-{number}") for number in range(4)])

    assert ServedModel.objects.count() == 4
    assert ServedModel.objects.filter(is_default=True).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"name": "default"},
        {"name": "my model"},
        {"name": "a\nb"},
        {"name": "x" * 101},
        {"context_tokens": 0},
    ],
)
def test_it_refuses(changed):
    with pytest.raises(InvalidServedModelError):
        register(**changed)

    assert not ServedModel.objects.exists()
