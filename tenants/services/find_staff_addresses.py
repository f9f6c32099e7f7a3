"""Where operators get mail."""

from tenants.models import User


def find_staff_addresses() -> list[str]:
    staff = User.objects.filter(is_staff=True, is_active=True).exclude(email="")
    return list(staff.order_by("pk").values_list("email", flat=True))
