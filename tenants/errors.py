"""What the services of this app refuse, and why; `code` is stable, the text is not."""

from typing import ClassVar


class TenantsError(Exception):
    """Base of every refusal. The text may be shown to the person who asked."""

    code: ClassVar[str]


class InvalidNameError(TenantsError):
    code = "invalid_name"


class NameTakenError(TenantsError):
    code = "name_taken"


class TooManySavedViewsError(TenantsError):
    code = "too_many_saved_views"


class InvalidExpiryError(TenantsError):
    code = "invalid_expiry"


class InvalidLimitError(TenantsError):
    code = "invalid_limit"


class InvalidRetentionError(TenantsError):
    code = "invalid_retention"


class ProjectNotFoundError(TenantsError):
    """No such project, or one of another tenant: the caller is not told which."""

    code = "project_not_found"


class ApiKeyNotRotatableError(TenantsError):
    """It does not work any more, or another key takes its place already."""

    code = "api_key_not_rotatable"


class ApiKeyNotRestorableError(TenantsError):
    """It was revoked for good, or too long ago."""

    code = "api_key_not_restorable"


class RotationOverError(TenantsError):
    """The old key has stopped working."""

    code = "rotation_over"


class InvalidScopesError(TenantsError):
    code = "invalid_scopes"


class InvalidModelListError(TenantsError):
    code = "invalid_model_list"


class TooManyApiKeysError(TenantsError):
    code = "too_many_api_keys"


class UnknownCurrencyError(TenantsError):
    code = "unknown_currency"


class PaymentOverdueError(TenantsError):
    """The tenant's restriction leaves no room for it."""

    code = "payment_overdue"


class TenantSuspendedError(TenantsError):
    """Staff have suspended the tenant."""

    code = "tenant_suspended"


class SuspensionReasonError(TenantsError):
    """Its owners are to be told why."""

    code = "suspension_reason"


class ApiKeyNotFoundError(TenantsError):
    """No such key, or a key of another tenant: the caller is not told which."""

    code = "api_key_not_found"


class TenantNotFoundError(TenantsError):
    code = "tenant_not_found"


class TenantAmbiguousError(TenantsError):
    """Several tenants bear the name; a slug names one."""

    code = "tenant_ambiguous"


class OperatorDisabledError(TenantsError):
    """The operator's user exists, but was made inactive or is no longer staff."""

    code = "operator_disabled"


class ProjectNameTakenError(TenantsError):
    code = "project_name_taken"


class TooManyProjectsError(TenantsError):
    code = "too_many_projects"


class ProjectArchivedError(TenantsError):
    code = "project_archived"


class LastProjectError(TenantsError):
    """A tenant keeps a project that its keys can be of."""

    code = "last_project"


class MemberNotFoundError(TenantsError):
    """No such member, or one of another tenant: the caller is not told which."""

    code = "member_not_found"


class LastOwnerError(TenantsError):
    """Nobody could let another owner in."""

    code = "last_owner"


class RoleNotAllowedError(TenantsError):
    """The role of whoever asks does not reach so far."""

    code = "role_not_allowed"


class InvalidInvitationError(TenantsError):
    """The address cannot be invited, or not now."""

    code = "invalid_invitation"


class InvitationNotFoundError(TenantsError):
    """No such link, or it was used, taken back or replaced, or has expired; or it is
    another's.
    """

    code = "invitation_not_found"
