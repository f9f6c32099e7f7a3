"""Takes away what repeats are no longer answered by."""

from datetime import datetime

from billing.models.api_access import KeptAnswer
from billing.services.api_access.answer_once import KEPT


def forget_answers(*, now: datetime) -> int:
    forgotten, _ = KeptAnswer.objects.filter(created_at__lte=now - KEPT).delete()
    return forgotten
