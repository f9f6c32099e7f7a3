"""A model's own chat template, rendered to the text that the engine would render.

The engine is vLLM, which turns messages into the form that the template expects and
gives them to Jinja. Whatever it treats in a way of its own (media, reasoning, the role
`developer`) is refused here with NotCountableError: such a prompt the engine counts.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import jinja2
from jinja2 import meta, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.errors import NotConvertibleError, NotCountableError

RENDERED_CHARACTERS_MAX = 1024 * 1024
RENDER_SECONDS_MAX = 1.0
"""Looked at between two pieces of output: a template is the operator's own file."""
_CONTINUE_HERE = "<<continue the final message here>> "
_NAMED_TOKENS = (
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token",
    "mask_token",
)  # fmt: skip
_EFFORT_VARIABLES = {"reasoning_effort", "enable_thinking"}
_TEXT_PARTS = {"text", "input_text", "output_text", "refusal"}
_MESSAGE_MEMBERS = {"role", "content", "name", "tool_calls", "tool_call_id"}
_DROPPED_LINE = "x-anthropic-billing-header"
"""vLLM leaves it out of system messages."""

ContentForm = Literal["text", "parts"]
"""Whether a template expects a message's content as text or as a list of parts."""
Message = Mapping[str, Any]


class ChatTemplate:
    """Safe to use from several threads."""

    def __init__(self, source: str, *, named_tokens: Mapping[str, str]) -> None:
        """Raises NotConvertibleError for a template that does not compile."""
        environment = _environment()
        try:
            parsed = environment.parse(source)
            self._template = environment.from_string(source)
        except jinja2.TemplateError as error:
            raise NotConvertibleError(f"The chat template is broken: {error}") from None
        self._named_tokens = dict(named_tokens)
        self._content_form = _content_form(parsed)
        self.variables = frozenset(meta.find_undeclared_variables(parsed))
        """What the template reads, such as `tools`."""
        self.reads_effort = bool(self.variables & _EFFORT_VARIABLES)

    def render(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """Messages and tools as in a chat body. Raises NotCountableError."""
        conversation = [self._message(one) for one in messages]
        if continue_final_message:
            _open_final_message(conversation)
        given = {
            **self._named_tokens,
            "documents": None,
            **{k: v for k, v in (variables or {}).items() if k in self.variables},
            "messages": conversation,
            "tools": None if tools is None else [_tool(one) for one in tools],
            "add_generation_prompt": add_generation_prompt,
        }
        rendered = self._generate(given)
        return _cut_final_message(rendered) if continue_final_message else rendered

    def _generate(self, given: Mapping[str, Any]) -> str:
        deadline = time.monotonic() + RENDER_SECONDS_MAX
        pieces: list[str] = []
        room = RENDERED_CHARACTERS_MAX
        try:
            for piece in self._template.generate(given):
                pieces.append(piece)
                room -= len(piece)
                if room < 0 or time.monotonic() > deadline:
                    break
        # A template is a program that may fail in any way on what callers write.
        except Exception as error:  # noqa: BLE001
            raise NotCountableError(f"The chat template refuses: {error}") from None
        if room < 0 or time.monotonic() > deadline:
            raise NotCountableError("The rendered prompt is too long.")
        return "".join(pieces)

    def _message(self, message: Message) -> dict[str, Any]:
        given = {name: value for name, value in message.items() if value is not None}
        if not given.keys() <= _MESSAGE_MEMBERS or not isinstance(
            role := given.get("role"), str
        ):
            raise NotCountableError("A message has members that are not counted here.")
        if role == "developer":
            raise NotCountableError("The role developer is not counted here.")
        texts = list(_texts(given.get("content", ())))
        if role == "system" and any(text.startswith(_DROPPED_LINE) for text in texts):
            raise NotCountableError("A system message that the engine shortens.")
        made: dict[str, Any] = {"role": role}
        if self._content_form == "text" or role == "tool":
            made["content"] = "\n".join(texts)
        else:
            made["content"] = [{"type": "text", "text": text} for text in texts]
        if role == "assistant" and given.get("tool_calls"):
            made["tool_calls"] = [_tool_call(one) for one in given["tool_calls"]]
        if role == "tool" and "tool_call_id" in given:
            made["tool_call_id"] = given["tool_call_id"]
        if isinstance(given.get("name"), str):
            made["name"] = given["name"]
        return made


def load_chat_template(folder: Path) -> ChatTemplate | None:
    """None: the model has no template of its own, hence no chat that is counted here.

    Raises NotConvertibleError.
    """
    config = read_json(folder / "tokenizer_config.json")
    if not isinstance(config, dict):
        raise NotConvertibleError("tokenizer_config.json is not an object.")
    for name in ("chat_template.json", "processor_config.json"):
        if (folder / name).exists():
            raise NotConvertibleError(f"{name}: the model takes more than text.")
    try:
        source: Any = (folder / "chat_template.jinja").read_text("utf-8")
    except FileNotFoundError:
        source = config.get("chat_template")
    except (OSError, ValueError) as error:
        raise NotConvertibleError(f"chat_template.jinja: {error}") from None
    if source is None:
        return None
    if not isinstance(source, str):
        raise NotConvertibleError("The model has several chat templates.")
    return ChatTemplate(source, named_tokens=_named_tokens(config))


def read_json(path: Path) -> Any:
    """Raises NotConvertibleError."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise NotConvertibleError(f"{path.name}: {error}") from None


def _named_tokens(config: Mapping[str, Any]) -> dict[str, str]:
    named = {}
    for name in _NAMED_TOKENS:
        token = config.get(name)
        text = token.get("content") if isinstance(token, dict) else token
        if isinstance(text, str):
            named[name] = text
    return named


def _texts(content: Any) -> Iterator[str]:
    """Raises NotCountableError for anything but text."""
    if not isinstance(content, str | list | tuple):
        raise NotCountableError("Only text is counted here.")
    for part in [content] if isinstance(content, str) else content:
        text = part
        if isinstance(part, dict):
            if part.get("type") not in _TEXT_PARTS or len(part) > 2:  # noqa: PLR2004 type and text
                raise NotCountableError("Only text is counted here.")
            text = part.get("refusal" if part["type"] == "refusal" else "text")
        if not isinstance(text, str):
            raise NotCountableError("Only text is counted here.")
        yield text


def _tool_call(call: Any) -> dict[str, Any]:
    """Arguments as an object, and members in the order that the engine gives them."""
    match call:
        case {"id": str(name), "type": "function", "function": dict(function)}:
            if len(call) == 3 and function.keys() == {"name", "arguments"}:  # noqa: PLR2004
                arguments = _arguments(function["arguments"])
                made = {"arguments": arguments, "name": function["name"]}
                return {"id": name, "function": made, "type": "function"}
    raise NotCountableError("A tool call that is not counted here.")


def _arguments(text: Any) -> dict[str, Any]:
    """What is no object becomes an empty one, as in the engine."""
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return {}
    except RecursionError:
        raise NotCountableError("Arguments nested too deep.") from None
    return found if isinstance(found, dict) else {}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """With the members that the engine knows, those that are absent as null."""
    function = tool.get("function")
    if not isinstance(function, dict) or tool.get("type", "function") != "function":
        raise NotCountableError("A tool that is not counted here.")
    if "defer_loading" in tool or "defer_loading" in function:
        raise NotCountableError("A tool that is not counted here.")
    made = {name: function.get(name) for name in ("name", "description", "parameters")}
    if function.get("strict") is not None:
        made["strict"] = function["strict"]
    return {"type": "function", "function": made}


def _open_final_message(conversation: list[dict[str, Any]]) -> None:
    content = conversation[-1]["content"] if conversation else None
    if isinstance(content, str):
        conversation[-1]["content"] = content + _CONTINUE_HERE
    elif content:
        content[-1]["text"] += _CONTINUE_HERE
    else:
        raise NotCountableError("There is no final message to continue.")


def _cut_final_message(rendered: str) -> str:
    """What follows the final message goes; so does space before it where the template
    trims messages.
    """
    place = rendered.rfind(_CONTINUE_HERE.strip())
    if place < 0:
        raise NotCountableError("The template leaves the final message out.")
    before = rendered[:place]
    is_kept = rendered.startswith(_CONTINUE_HERE, place)
    return before if is_kept else before.rstrip()


class _Generation(Extension):
    """`{% generation %}` marks what training looks at; it adds nothing to the text."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = _local_time
    return environment


def _to_json(value: Any, **options: Any) -> str:
    """Jinja's own would escape for HTML."""
    return json.dumps(value, **{"ensure_ascii": False, **options})


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)


def _local_time(form: str) -> str:
    return datetime.now().strftime(form)  # noqa: DTZ005 - the engine's is local too


def _content_form(parsed: nodes.Template) -> ContentForm:
    """Parts, if the template walks through a message's content; as vLLM finds out."""
    contents = {f"{name}.content" for name in _message_names(parsed)}
    in_macros: set[int] = set()
    for macro in parsed.find_all(nodes.Macro):
        given = _parameters_given(macro, parsed, contents)
        for loop in macro.find_all(nodes.For):
            in_macros.add(id(loop))
            if _base(loop.iter) in given:
                return "parts"
    for loop in parsed.find_all(nodes.For):
        base = _base(loop.iter)
        if base in contents or (base == "content" and id(loop) not in in_macros):
            return "parts"
    return "text"


def _message_names(parsed: nodes.Template) -> set[str]:
    """What the template calls a message in its loops over messages."""
    lists, known = {"messages"}, 0
    while len(lists) > known:
        known = len(lists)
        for assign in parsed.find_all(nodes.Assign):
            if _base(assign.node) in lists and isinstance(assign.target, nodes.Name):
                lists.add(assign.target.name)
    return {
        loop.target.name
        for loop in parsed.find_all(nodes.For)
        if isinstance(loop.target, nodes.Name) and _base(loop.iter) in lists
    }


def _parameters_given(
    macro: nodes.Macro, parsed: nodes.Template, values: set[str]
) -> set[str]:
    """Names of the macro's parameters that some call gives one of `values`."""
    names = [parameter.name for parameter in macro.args]
    given: set[str] = set()
    for call in parsed.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == macro.name:
            pairs = [*zip(names, call.args, strict=False)]
            pairs += [(one.key, one.value) for one in call.kwargs]
            given |= {name for name, value in pairs if _base(value) in values}
    return given


def _base(node: nodes.Node) -> str | None:
    """`messages` of `messages[1:]`, `m.content` of `m['content'] | list`; else None."""
    match node:
        case nodes.Name(name=name):
            return str(name)
        case nodes.Filter(node=inner) | nodes.Test(node=inner) if inner is not None:
            return _base(inner)
        case nodes.Getattr(node=nodes.Name(name=name), attr=member):
            return f"{name}.{member}"
        case nodes.Getitem(node=inner, arg=nodes.Slice()):
            return _base(inner)
        case nodes.Getitem(node=nodes.Name(name=name), arg=nodes.Const(value=member)):
            return f"{name}.{member}"
    return None
