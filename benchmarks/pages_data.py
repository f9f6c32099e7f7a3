"""A year of a large tenant: ten million calls by 5,000 keys, and what comes of them.

Calls and what they are summed up in are written by SQL; receipts, charges and invoices
are then made by the real services, which hold them against each other.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from billing.services.receipts.seal_receipts import seal_receipts
from metering.domain.months import month_of
from metering.services.prepare_usage_partitions import prepare_usage_partitions
from tenants.domain import api_keys
from tenants.models import ApiKey, Project, Tenant, User
from tenants.saved_view_models import SavedView
from tests.billing.credit import CENT, give
from tests.factories import (
    make_engine,
    make_member,
    make_project,
    make_served_model,
    make_tenant,
)
from tests.frontend.believable import DEARER_RATES, price, priced_model
from tests.frontend.believable_invoices import make_buyer, make_seller
from tests.frontend.believable_prompts import (
    make_capacities,
    make_placement,
    make_prompt,
)
from tests.frontend.people import People
from tests.frontend.test_pages import make_rows

KEYS = 5_000
_PROJECTS = 20
_DAYS = 365
_OTHER_TENANTS = 300
_CALLS_OF_OTHERS = 6
_LEASE_EVERY = 500
_CALLS_AT_ONCE = 1_000_000
_MONTHS_ISSUED = 3
_MEMBERS = 50
_GRANTS = 200
_PROMPTS = 300
_VIEWS = 30
_AUDIT_ENTRIES = 100_000
_MESSAGES = 50_000
# A few keys call all the time, several hundred others on some hours of a day. The first
# digits of an id are its time, as in a proxy's.
_CALLS = """
    INSERT INTO usage_event (event_id, tenant_id, project_id, api_key_id, model,
        engine_id, price_version_id, endpoint, streamed, outcome, usage_source,
        input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
        reasoning_tokens, received_at, sent_at, first_token_at, happened_at,
        cost_nanos, leased_input_tokens, lease_id, lease_expires_at, lease_cost_nanos,
        previous_lease_id)
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
            || substr(md5(%(tenant)s || '.' || n), 1, 20))::uuid,
        %(tenant)s, (%(projects)s::bigint[])[1 + key %% cardinality(%(projects)s)],
        (%(keys)s::bigint[])[1 + key], (%(models)s::text[])[1 + key %% 2],
        %(engine)s, (%(prices)s::bigint[])[1 + key %% 2],
        (ARRAY['chat.completions', 'responses', 'completions'])[1 + n %% 3],
        n %% 4 <> 0, CASE WHEN n %% 40 = 0 THEN 'client_gone' ELSE 'completed' END,
        'engine', 900 + n %% 300, n %% 900, 0, 1 + n %% 500, 0,
        at - interval '1 second', at - interval '990 milliseconds',
        CASE WHEN n %% 4 <> 0 THEN at - interval '800 milliseconds' END, at,
        100000 + n %% 1000, 0,
        CASE WHEN n %% %(every)s = 0 THEN md5(%(tenant)s || 'lease' || n)::uuid END,
        CASE WHEN n %% %(every)s = 0 THEN at + interval '1 minute' END,
        CASE WHEN n %% %(every)s = 0 THEN 60000 ELSE 0 END,
        CASE WHEN n %% %(every)s = 1 THEN md5(%(tenant)s || 'lease' || n - 1)::uuid END
    FROM (
        SELECT n, at, CASE WHEN n %% 10 < 6 THEN n %% 37 ELSE
            extract(epoch FROM at)::bigint / 86400 * 131
            + extract(epoch FROM at)::bigint / 3600 %% 24 * 17 + n / 7 %% 60
            END %% cardinality(%(keys)s) AS key
        FROM (
            SELECT n, %(end)s::timestamptz - n * (%(span)s::interval / %(count)s) AS at
            FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
        ) AS times
    ) AS calls
"""
# What rolling up would write (`benchmarks.month` measures that); a receipt for each
# call, and the invoices, are refused where it is not.
_ROLLUPS = """
    INSERT INTO usage_rollup (tenant_id, project_id, api_key_id, model,
        price_version_id, hour_at, meter, quantity, event_count)
    SELECT tenant_id, project_id, api_key_id, model, price_version_id, hour_at, meter,
        quantity, events
    FROM (
        SELECT tenant_id, project_id, api_key_id, model, price_version_id,
            date_trunc('hour', happened_at, 'UTC') AS hour_at, count(*) AS events,
            sum(input_tokens - cached_input_tokens) AS new_input,
            sum(cached_input_tokens) AS cached_input, sum(output_tokens) AS output,
            sum(cost_nanos - lease_cost_nanos) AS charged
        FROM usage_event GROUP BY 1, 2, 3, 4, 5, 6
    ) AS sums, LATERAL (VALUES ('requests', events), ('new_input_tokens', new_input),
        ('cached_input_tokens', cached_input), ('output_tokens', output),
        ('charged_nanos', charged)) AS meters (meter, quantity)
    WHERE quantity > 0
    UNION ALL
    SELECT tenant_id, project_id, api_key_id, model, price_version_id,
        date_trunc('hour', ended_at, 'UTC'), 'hbm_mb_s', sum(mb_s), count(*)
    FROM lease_interval GROUP BY 1, 2, 3, 4, 5, 6
"""
_COARSE = """
    INSERT INTO {table} (tenant_id, project_id, {key}, model, price_version_id, {time},
        requests, new_input_tokens, cached_input_tokens, output_tokens, charged_nanos,
        hbm_mb_s, leased_input_tokens, images, host_mb_s, disk_mb_s)
    SELECT tenant_id, project_id, {key}, model, price_version_id, time,
        sum(requests), sum(new_input), sum(cached_input), sum(output), sum(charged),
        sum(mb_s), 0, 0, 0, 0
    FROM (
        SELECT tenant_id, project_id, {key}, model, price_version_id,
            date_trunc('{unit}', happened_at, 'UTC') AS time, 1 AS requests,
            input_tokens - cached_input_tokens AS new_input,
            cached_input_tokens AS cached_input, output_tokens AS output,
            cost_nanos - lease_cost_nanos AS charged, 0 AS mb_s
        FROM usage_event
        UNION ALL
        SELECT tenant_id, project_id, {lease_key}, model, price_version_id,
            date_trunc('{unit}', ended_at, 'UTC'), 0, 0, 0, 0, 0, mb_s
        FROM lease_interval
    ) AS parts GROUP BY 1, 2, 3, 4, 5, 6
"""
_HOURS = _COARSE.format(
    table="usage_hour",
    key="endpoint",
    lease_key="''",
    time="hour_at",
    unit="hour",
)
_DAYS_OF_KEYS = _COARSE.format(
    table="usage_day",
    key="api_key_id",
    lease_key="api_key_id",
    time="day_at",
    unit="day",
)
_LAST_USE = """
    UPDATE tenants_apikey SET last_used_at = last_at
    FROM (SELECT api_key_id, max(day_at) AS last_at FROM usage_day GROUP BY 1) AS days
    WHERE id = api_key_id
"""
_MARK = """
    INSERT INTO unsealed_hour (tenant_id, hour_at, generation)
    SELECT DISTINCT tenant_id, hour_at, 1 FROM usage_rollup
    WHERE hour_at >= %(since)s ORDER BY 1, 2
"""
_LEASES = """
    INSERT INTO lease (lease_id, engine_id, epoch, tenant_id, state, tier, tokens,
        bytes, granted_sequence, granted_ms, until_ms, ended_ms, is_measured)
    SELECT lease_id, engine_id, 'epoch-1', tenant_id, 'expired', 'hbm', 1000,
        46080000, row_number() OVER (ORDER BY happened_at),
        extract(epoch FROM happened_at) * 1000,
        extract(epoch FROM happened_at) * 1000 + 60000,
        extract(epoch FROM happened_at) * 1000 + 60000, true
    FROM usage_event WHERE lease_id IS NOT NULL
"""
_LEASE_RECEIPTS = """
    INSERT INTO lease_receipt (engine_id, epoch, sequence, is_inferred, fact, lease_id,
        tenant_id, tier, tokens, bytes, at_ms, until_ms, host_until_ms, reason,
        previous_lease_id)
    SELECT engine_id, epoch, 2 * granted_sequence + step, false,
        (ARRAY['granted', 'expired'])[1 + step], lease_id, tenant_id, tier, tokens,
        bytes, granted_ms + 60000 * step, until_ms, 0, '', ''
    FROM lease, generate_series(0, 1) AS step
"""
_INTERVALS = """
    INSERT INTO lease_interval (tenant_id, project_id, api_key_id, model,
        price_version_id, event_id, lease_id, engine_id, epoch, tier, bytes, started_at,
        ended_at, first_sequence, last_sequence, mb_s)
    SELECT e.tenant_id, project_id, api_key_id, model, price_version_id, event_id,
        e.lease_id, e.engine_id, epoch, tier, bytes, happened_at,
        happened_at + interval '1 minute', 2 * granted_sequence,
        2 * granted_sequence + 1, 2764
    FROM usage_event e JOIN lease USING (lease_id)
    WHERE happened_at < now() - interval '1 minute'
"""
_AUDIT = """
    INSERT INTO tenants_auditentry (tenant_id, at, actor_kind, actor_id, actor_name,
        action, about_id, words)
    SELECT %(tenant)s, now() - n * interval '5 minutes', 'user', 1, 'olga@acme.example',
        (ARRAY['api_key.issued', 'api_key.revoked', 'member.role_changed'])[1 + n %% 3],
        n::text, 'Key ' || n
    FROM generate_series(%(count)s, 1, -1) AS n
"""
_WEBHOOK_MESSAGES = """
    INSERT INTO billing_webhookmessage (tenant_id, endpoint_id, message_id, type,
        payload, created_at, attempts, delivered_at)
    SELECT %(tenant)s, %(endpoint)s, 'msg_' || md5(n::text), 'invoice.issued', '{}',
        now() - n * interval '7 minutes', 1, now() - n * interval '7 minutes'
    FROM generate_series(1, %(count)s) AS n
"""


def build(events: int) -> dict[str, str]:
    """What stands in the addresses of pages, and `user_…`: who looks at them."""
    now = datetime.now(UTC)
    for month in range(14):
        prepare_usage_partitions(now - timedelta(days=30 * month))
    _do("SET synchronous_commit = off")
    year = _Year(events, now)
    for name, step in (
        ("keys and tenants", year.make_tenants),
        ("calls", year.make_calls),
        ("leases", year.make_leases),
        ("roll up", year.roll_up),
        ("receipts", year.seal),
        ("invoices", year.bill),
        ("documents, prompts, members", year.make_the_rest),
    ):
        began = time.perf_counter()
        step()
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    return year.places()


class _Year:
    def __init__(self, events: int, now: datetime) -> None:
        self.events, self.now = events, now
        self.people = People.gather()
        self.tenant = self.people.tenant
        second = make_served_model(name="qwen3-32b", is_default=False)
        self.prices = [
            priced_model(),
            price(second, DEARER_RATES, hbm_mb_s_nanos_per_million=13_500_000),
        ]
        model = self.prices[0].served_model
        self.engine = make_engine(served_model=model, checked_at=now)
        make_capacities(self.engine, now)
        self.others: list[ApiKey] = []
        self.rows: dict[str, Any] = {}

    def make_tenants(self) -> None:
        make_seller()
        make_buyer(self.tenant)
        self.projects = [
            make_project(tenant=self.tenant, name=f"Project {number}")
            for number in range(_PROJECTS)
        ]
        self.keys = [self.people.api_key]
        self.keys += ApiKey.objects.bulk_create(
            self._key(self.projects[number % _PROJECTS], f"Key {number}")
            for number in range(1, KEYS)
        )
        for number in range(_OTHER_TENANTS):
            user = User.objects.create_user(f"owner{number}@other.example", None)
            tenant = make_tenant(name=f"Tenant {number}", owner=user)
            make_buyer(tenant)
            key = self._key(make_project(tenant=tenant), "Key")
            key.save()
            self.others.append(key)

    def _key(self, project: Project, name: str) -> ApiKey:
        secret = api_keys.make("live")
        return ApiKey(
            tenant=project.tenant,
            project=project,
            name=name,
            prefix=api_keys.shown_prefix(secret),
            digest=api_keys.digest(secret),
            created_at=self.now - timedelta(days=_DAYS),
        )

    def make_calls(self) -> None:
        for first in range(0, self.events, _CALLS_AT_ONCE):
            last = min(first + _CALLS_AT_ONCE, self.events) - 1
            self._call(self.keys, first=first, last=last, count=self.events)
        for key in self.others:
            self._call([key], last=_CALLS_OF_OTHERS, count=_CALLS_OF_OTHERS, days=40)

    def _call(
        self,
        keys: list[ApiKey],
        *,
        last: int,
        count: int,
        first: int = 0,
        days: int = _DAYS,
    ) -> None:
        _do(
            _CALLS,
            tenant=keys[0].tenant_id,
            keys=[key.pk for key in keys],
            projects=[key.project_id for key in keys],
            models=[one.served_model.name for one in self.prices],
            prices=[one.pk for one in self.prices],
            engine=self.engine.pk,
            every=_LEASE_EVERY,
            end=self.now - timedelta(seconds=1),
            span=timedelta(days=days),
            first=first,
            last=last,
            count=count,
        )

    def make_leases(self) -> None:
        for query in (_LEASES, _LEASE_RECEIPTS, _INTERVALS, "ANALYZE"):
            _do(query)

    def roll_up(self) -> None:
        for query in (_ROLLUPS, _HOURS, _DAYS_OF_KEYS, _LAST_USE, "ANALYZE"):
            _do(query)
        _do(_MARK, since=self._issued_since())

    def _issued_since(self) -> datetime:
        """Earlier months stay drafts, and their calls without receipts."""
        month = month_of(self.now)
        for _ in range(_MONTHS_ISSUED):
            month = month_of(month - timedelta(days=1))
        return month

    def seal(self) -> None:
        for tenant in Tenant.objects.all():
            while seal_receipts(tenant.pk, now=self.now):
                pass

    def bill(self) -> None:
        while rate_usage(now=self.now).rated:
            pass
        drafts = Invoice.objects.filter(
            status="draft",
            period_start__gte=self._issued_since(),
            period_end__lte=self.now,
        )
        # The last of the large tenant's is issued with its credit note.
        *_, last = drafts.filter(tenant=self.tenant).order_by("period_start")
        for draft in drafts.exclude(pk=last.pk).order_by("period_start"):
            issue_invoice(draft.pk, now=self.now)

    def make_the_rest(self) -> None:
        people, version = self.people, self.prices[0]
        draft = self.tenant.invoices.latest("period_start")
        self.rows = make_rows(  # type: ignore[no-untyped-call]
            people, draft, version, self.now
        )
        for number in range(_MEMBERS):
            user = User.objects.create_user(f"{number}@acme.example", None)
            make_member(tenant=self.tenant, user=user)
        for number in range(_GRANTS):
            give(self.tenant, CENT, key=f"grant {number}", now=self.now)
        for number in range(_PROMPTS):
            prompt = make_prompt(
                people.api_key, version.served_model, self.now, name=f"prompt-{number}"
            )
            make_placement(prompt, self.engine, self.now)
        owner = self._user("owner")
        for number in range(_VIEWS):
            SavedView.objects.create(
                tenant=self.tenant, user=owner, name=f"View {number}", query="by=key"
            )
        _do(_AUDIT, tenant=self.tenant.pk, count=_AUDIT_ENTRIES)
        endpoint = self.tenant.webhook_endpoints.get().pk
        _do(
            _WEBHOOK_MESSAGES,
            tenant=self.tenant.pk,
            endpoint=endpoint,
            count=_MESSAGES,
        )
        staff = self._user("staff")
        staff.is_superuser = True
        staff.save()
        # What autovacuum would have done meanwhile.
        _do("VACUUM ANALYZE")

    def _user(self, name: str) -> User:
        user = self.people.users[name]
        assert user
        return user

    def places(self) -> dict[str, str]:
        members = self.tenant.members
        issued = CreditNote.objects.get(pk=self.rows["note"]).invoice
        found = {
            **self.rows,
            "issued": issued.pk,
            "issued_line": issued.lines.earliest("pk").pk,
            "key": self.people.api_key.pk,
            "project": self.people.project.pk,
            "tenant": self.tenant.pk,
            "owner": members.earliest("pk").pk,
            "colleague": members.order_by("pk")[1].pk,
            "user_owner": self._user("owner").pk,
            "user_staff": self._user("staff").pk,
        }
        return {name: str(value) for name, value in found.items()}


def _do(query: str, **values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
