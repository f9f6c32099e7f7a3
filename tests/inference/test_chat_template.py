import pytest

from inference.chat_template import ChatTemplate, load_chat_template
from inference.errors import NotConvertibleError, NotCountableError

PLAIN = (
    "{% for m in messages %}{{ bos_token }}{{ m.role }}: {{ m.content }}\n{% endfor %}"
)
USER = {"role": "user", "content": "Hello"}


def _render(source, messages, **options):
    template = ChatTemplate(source, named_tokens={"bos_token": "<s>"})
    return template.render(messages, **options)


def test_it_works():
    assert _render(PLAIN, [USER]) == "<s>user: Hello\n"


@pytest.mark.parametrize(
    ("source", "rendered"),
    [
        ("{% for m in messages %}{{ m.content }}{% endfor %}", "Hello"),
        (
            (
                "{% for m in messages[0:] %}{% for p in m['content'] | list %}"
                "{{ p.type }}{% endfor %}{% endfor %}"
            ),
            "text",
        ),
        (
            (
                "{% set all = messages %}{% for m in all %}{% for p in m.content %}"
                "{{ p.type }}{% endfor %}{% endfor %}"
            ),
            "text",
        ),
        (
            (
                "{% macro a(c) %}{% for p in c %}{{ p.type }}{% endfor %}{% endmacro %}"
                "{% for m in messages %}{{ a(c=m.content) }}{% endfor %}"
            ),
            "text",
        ),
        (
            (
                "{% macro show(c) %}{% for p in c %}{{ p }}{% endfor %}{% endmacro %}"
                "{% for m in messages %}{{ show([1]) }}{{ m.content }}{% endfor %}"
            ),
            "1Hello",
        ),
    ],
)
def test_content_has_the_form_that_the_template_walks_through(source, rendered):
    """Compared with vLLM 0.32, which gave the same number of tokens for each."""
    assert _render(source, [USER]) == rendered


def test_templates_have_what_the_engine_gives_them():
    source = (
        "{% for m in messages %}{% generation %}{{ m | tojson }}{% endgeneration %}"
        "{% break %}{% endfor %}{{ strftime_now('%%') }}"
    )
    assert _render(source, [USER, USER]) == '{"role": "user", "content": "Hello"}%'


def test_a_final_message_is_left_open():
    answer = {"role": "assistant", "content": "It is "}
    closed = "{% for m in messages %}{{ m.content }}<end>{% endfor %}"
    trimmed = "{% for m in messages %}{{ m.content | trim }}<end>{% endfor %}"
    options = {"add_generation_prompt": False, "continue_final_message": True}
    assert _render(closed, [USER, answer], **options) == "Hello<end>It is "
    assert _render(trimmed, [USER, answer], **options) == "Hello<end>It is"


@pytest.mark.parametrize(
    "message",
    [
        {"role": "developer", "content": "x"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
        {"role": "user", "content": [{"type": "text", "text": "x", "more": 1}]},
        {"role": "user", "content": 5},
        {"role": 5, "content": "x"},
        {"content": "x"},
        {"role": "assistant", "reasoning": "x"},
        {"role": "assistant", "tool_calls": [{"id": "x", "type": "custom"}]},
        {"role": "system", "content": "x-anthropic-billing-header: 1\nx"},
    ],
)
def test_it_refuses_what_the_engine_treats_in_its_own_way(message):
    with pytest.raises(NotCountableError):
        _render(PLAIN, [message])


@pytest.mark.parametrize(
    "source",
    [
        "{{ raise_exception('no') }}",
        "{{ messages[0].content.missing.more }}",
        "{{ messages.append(1) }}",
        "{{ messages.__class__.__mro__ }}",
        "{% for i in range(10 ** 9) %}{% endfor %}",
        "{% for i in range(90000) %}{{ messages[0].content * 1000 }}{% endfor %}",
    ],
)
def test_it_refuses_a_template_that_fails_or_never_ends(source):
    with pytest.raises(NotCountableError):
        _render(source, [USER])


def test_it_refuses_a_template_that_does_not_compile():
    with pytest.raises(NotConvertibleError):
        ChatTemplate("{% for %}", named_tokens={})


def test_it_refuses_several_templates_and_those_of_media(tmp_path):
    config = tmp_path / "tokenizer_config.json"
    config.write_text("{}")
    assert load_chat_template(tmp_path) is None
    config.write_text('{"chat_template": "one"}')
    template = load_chat_template(tmp_path)
    assert template is not None
    assert template.render([]) == "one"
    config.write_text('{"chat_template": [{"name": "default", "template": "one"}]}')
    with pytest.raises(NotConvertibleError):
        load_chat_template(tmp_path)
    config.write_text("{}")
    (tmp_path / "processor_config.json").write_text("{}")
    with pytest.raises(NotConvertibleError):
        load_chat_template(tmp_path)
