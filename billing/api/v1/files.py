"""Answers that are files, streamed while they are made."""

from collections.abc import Iterator

from django.http import StreamingHttpResponse

from billing.encoding import MEDIA_TYPES, FileFormat


def file_answer(
    content: Iterator[bytes], file_format: FileFormat, *, name: str
) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(content, content_type=MEDIA_TYPES[file_format])
    answer["Content-Disposition"] = f'attachment; filename="{name}.{file_format}"'
    return answer
