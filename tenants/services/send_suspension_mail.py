"""Tell a tenant's owners that it is suspended, or no longer."""

import logging

from django.conf import settings

from tenants.domain.mail_kinds import MailKind
from tenants.domain.suspension_mail import lifted_mail, suspension_mail
from tenants.models import Tenant
from tenants.services.find_owner_addresses import find_owner_addresses
from tenants.services.send_letter import send_letter

_logger = logging.getLogger(__name__)


def send_suspension_mail(tenant: Tenant) -> bool:
    """By what the row says. False: nobody to tell, or the mail server did not take it;
    the portal says it all the same.

    Outside of the transaction of the act, since a mail cannot be taken back.
    """
    addresses = find_owner_addresses(tenant)
    if not addresses:
        return False
    url = f"{settings.PORTAL_URL}/"
    mail = (
        lifted_mail(tenant_name=tenant.name, url=url)
        if tenant.suspended_at is None
        else suspension_mail(
            tenant_name=tenant.name, reason=tenant.suspension_reason, url=url
        )
    )
    try:
        send_letter(
            kind=MailKind.SUSPENSION,
            to=addresses,
            letter=mail,
            tenant_id=tenant.pk,
        )
    except OSError:
        _logger.exception("no mail to the owners of %s", tenant)
        return False
    return True
