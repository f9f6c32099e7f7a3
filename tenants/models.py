"""Who may do what: users, tenants, members, projects and their API keys."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class UserManager(BaseUserManager["User"]):
    def create_user(
        self, email: str, password: str | None = None, **fields: object
    ) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, email: str, password: str | None = None, **fields: object
    ) -> "User":
        return self.create_user(
            email, password, is_staff=True, is_superuser=True, **fields
        )


class User(AbstractUser):
    """A person who signs in with an e-mail address. Staff are operators."""

    username = None  # type: ignore[assignment]
    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()  # type: ignore[assignment,misc]

    class Meta(AbstractUser.Meta):
        constraints = [
            # Two spellings of one address would be two users, and one mailbox.
            models.CheckConstraint(
                condition=Q(email=Lower("email")), name="user_email_lower_case"
            )
        ]


class Tenant(models.Model):
    """The paying party; every row of use and money belongs to one."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(unique=True)
    cache_salt = models.CharField(max_length=64, unique=True)
    """Secret in the first KV block hash, so that tenants never share cached blocks."""
    created_at = models.DateTimeField()


class Role(models.TextChoices):
    OWNER = "owner"
    DEVELOPER = "developer"


class Member(models.Model):
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="members")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user"], name="member_once_per_tenant"
            ),
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="member_role_known"
            ),
        ]


class Project(models.Model):
    """Division of a tenant that holds keys and sees its own usage."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="projects")
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"], name="project_name_once_per_tenant"
            )
        ]


class ApiKey(models.Model):
    """Secret by which a caller acts for a project. The secret itself is not kept."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="api_keys")
    project = models.ForeignKey(Project, models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    """The part of the secret that pages show."""
    digest = models.BinaryField(max_length=32, unique=True)
    """SHA-256 of the secret."""
    created_by = models.ForeignKey(User, models.SET_NULL, null=True)
    """Null: issued by an operator's command, or the creator was deleted."""
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    """When it stops working by itself; null: never."""
    revoked_at = models.DateTimeField(null=True, blank=True)
    """When it was revoked; null: it was not."""
    last_used_at = models.DateTimeField(null=True, blank=True)
    """The latest call that was metered; null: none yet."""
    allowed_models = ArrayField(models.CharField(max_length=100), null=True, blank=True)
    """Public model names the key may call; null: all."""
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    """Null: no such limit."""
    tokens_per_minute = models.PositiveBigIntegerField(null=True, blank=True)
    """Null: no such limit."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(requests_per_minute__isnull=True)
                | Q(requests_per_minute__gt=0),
                name="api_key_requests_per_minute_positive",
            ),
            models.CheckConstraint(
                condition=Q(tokens_per_minute__isnull=True)
                | Q(tokens_per_minute__gt=0),
                name="api_key_tokens_per_minute_positive",
            ),
        ]
