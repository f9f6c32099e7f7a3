import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0001_initial"),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name="stripeevent",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="ddd33783ee7200a9ad9c715651b192853e09943a",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_83db0",
                    table="billing_stripeevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="couponredemption",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'append-only: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="9436cfda7acad56299634e1eaf21feab57ac1f06",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_fa8cc",
                    table="billing_couponredemption",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="couponredemption",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="fa57e2e8f10216723815fad9f18fdc00b3812d94",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_ea81d",
                    table="billing_couponredemption",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="couponredemption",
            trigger=pgtrigger.compiler.Trigger(
                name="in_the_tenants_currency",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF EXISTS (\n    SELECT 1 FROM billing_coupon c, tenants_tenant t\n    WHERE c.id = NEW.coupon_id AND t.id = NEW.tenant_id\n        AND c.amount_cents > 0 AND c.currency <> t.currency)\nTHEN\n    RAISE EXCEPTION 'coupon % is of another currency', NEW.coupon_id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NEW;\n",
                    hash="510f6ecda33a55515a6deacd1cced5ff1badefba",
                    operation="INSERT",
                    pgid="pgtrigger_in_the_tenants_currency_ca04c",
                    table="billing_couponredemption",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditexpiry",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'append-only: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="6dcbcec827197b04e3bb6893f6105a7c5da0662e",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_d74ce",
                    table="billing_creditexpiry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditexpiry",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="8c241f2f590d329f192e790e8993be10a83a28c7",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_13799",
                    table="billing_creditexpiry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditexpiry",
            trigger=pgtrigger.compiler.Trigger(
                name="no_more_than_granted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nPERFORM 1 FROM billing_creditgrant WHERE id = NEW.grant_id FOR NO KEY UPDATE;\nIF EXISTS (\n    SELECT 1 FROM billing_creditgrant g,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditdraw WHERE grant_id = g.id) d,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditexpiry WHERE grant_id = g.id) e,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditwithdrawal WHERE grant_id = g.id) w\n    WHERE g.id = NEW.grant_id\n        AND (d.amount < 0 OR d.amount + e.amount + w.amount > g.amount_nanos))\nTHEN\n    RAISE EXCEPTION 'no more than was granted leaves credit grant %', NEW.grant_id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="93de2df5339d9337d5c27a88517b5ad3b4890dc2",
                    operation="INSERT",
                    pgid="pgtrigger_no_more_than_granted_771e6",
                    table="billing_creditexpiry",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditwithdrawal",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'append-only: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="f3c39a4d58700dd5a9433780f24c8865eb562804",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_454ad",
                    table="billing_creditwithdrawal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditwithdrawal",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="6a4b0b0d1847c2acfa55e350bd48d421dcdb0f48",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_9b241",
                    table="billing_creditwithdrawal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditwithdrawal",
            trigger=pgtrigger.compiler.Trigger(
                name="no_more_than_granted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nPERFORM 1 FROM billing_creditgrant WHERE id = NEW.grant_id FOR NO KEY UPDATE;\nIF EXISTS (\n    SELECT 1 FROM billing_creditgrant g,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditdraw WHERE grant_id = g.id) d,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditexpiry WHERE grant_id = g.id) e,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditwithdrawal WHERE grant_id = g.id) w\n    WHERE g.id = NEW.grant_id\n        AND (d.amount < 0 OR d.amount + e.amount + w.amount > g.amount_nanos))\nTHEN\n    RAISE EXCEPTION 'no more than was granted leaves credit grant %', NEW.grant_id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="fee399721372c9e43a460282882e17241842ffe9",
                    operation="INSERT",
                    pgid="pgtrigger_no_more_than_granted_8b90c",
                    table="billing_creditwithdrawal",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditnote",
            trigger=pgtrigger.compiler.Trigger(
                name="final_once_issued",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF TG_OP = 'INSERT' THEN\n    IF NEW.status = 'draft' THEN RETURN NEW; END IF;\nELSIF OLD.status = 'draft' THEN\n    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n    RETURN NEW;\nEND IF;\nRAISE EXCEPTION 'a credit note starts as a draft and is final once issued: % refused',\n    TG_OP USING ERRCODE = 'restrict_violation';\n",
                    hash="751fcab12e3786290ef17356cae7814f32a331ad",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_final_once_issued_75d83",
                    table="billing_creditnote",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditnote",
            trigger=pgtrigger.compiler.Trigger(
                name="totals_are_the_lines",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF EXISTS (\n    SELECT 1 FROM billing_creditnote c\n    LEFT JOIN billing_creditnoteline l ON l.credit_note_id = c.id\n    WHERE c.id = NEW.id GROUP BY c.id\n    HAVING c.total_nanos <> coalesce(sum(l.amount_nanos), 0)\n        OR c.lines_cents <> coalesce(sum(l.amount_cents), 0))\nTHEN\n    RAISE EXCEPTION 'the totals of credit note % are not the sums of its lines', NEW.id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="2646f5894d796adcc3d94a93564f1bd1c19d10b8",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_totals_are_the_lines_4b148",
                    table="billing_creditnote",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditnote",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="4f97f56f50bbf48e1a8e75569c8db6db00880b36",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_45a1e",
                    table="billing_creditnote",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditdraw",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'append-only: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="8cf934ee2d297aedff8d5bc444463165bf0d4e04",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_85805",
                    table="billing_creditdraw",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditdraw",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="cc5cc9f41ae3f1677b5c369c1b01d4179b701757",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_3bd13",
                    table="billing_creditdraw",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditdraw",
            trigger=pgtrigger.compiler.Trigger(
                name="no_more_than_granted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nPERFORM 1 FROM billing_creditgrant WHERE id = NEW.grant_id FOR NO KEY UPDATE;\nIF EXISTS (\n    SELECT 1 FROM billing_creditgrant g,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditdraw WHERE grant_id = g.id) d,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditexpiry WHERE grant_id = g.id) e,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditwithdrawal WHERE grant_id = g.id) w\n    WHERE g.id = NEW.grant_id\n        AND (d.amount < 0 OR d.amount + e.amount + w.amount > g.amount_nanos))\nTHEN\n    RAISE EXCEPTION 'no more than was granted leaves credit grant %', NEW.grant_id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="eaf0ea78629f9a7c249b5b4b30a70a2142f816b2",
                    operation="INSERT",
                    pgid="pgtrigger_no_more_than_granted_8adf9",
                    table="billing_creditdraw",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="billedreceipts",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'what an invoice bills is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="91c6a4ccbd1196ad6e8c9d18f2adbe4302a49040",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_6b716",
                    table="billing_billedreceipts",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="billedreceipts",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'what an invoice bills is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="dba5b895ce5d9e340991ede3086f685e80c82787",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_85145",
                    table="billing_billedreceipts",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="billedhour",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'what an invoice bills is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="03b3ab67c2337989303a89e36bb1ef3ca61f532f",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_fcceb",
                    table="billing_billedhour",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="billedhour",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'what an invoice bills is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="9b13204da391fb0d95b7b0c5ad0aa95ec0b282fd",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_13658",
                    table="billing_billedhour",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoiceend",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'append-only: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="c30f5d2e2cd00b1388d5ae3179bab8857e8be1dd",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_31673",
                    table="billing_invoiceend",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoiceend",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="6331a92ac5363ae92a468ee7b6c2b6dc161baec7",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_0c080",
                    table="billing_invoiceend",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoicetax",
            trigger=pgtrigger.compiler.Trigger(
                name="final_once_issued",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF TG_OP <> 'INSERT' THEN\n    PERFORM 1 FROM billing_invoice\n        WHERE id = OLD.invoice_id AND status <> 'draft' FOR SHARE;\n    IF FOUND THEN\n        RAISE EXCEPTION 'the lines of an issued invoice are final: % refused', TG_OP\n            USING ERRCODE = 'restrict_violation';\n    END IF;\nEND IF;\nIF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\nPERFORM 1 FROM billing_invoice\n    WHERE id = NEW.invoice_id AND status <> 'draft' FOR SHARE;\nIF FOUND THEN\n    RAISE EXCEPTION 'the lines of an issued invoice are final: % refused', TG_OP\n        USING ERRCODE = 'restrict_violation';\nEND IF;\nRETURN NEW;\n",
                    hash="3909119b0da4c76f8b8ca97ddebf17b5a15801db",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_final_once_issued_b167b",
                    table="billing_invoicetax",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoicetax",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="b5f1e255e437d65f8edcc3c8b32747bcc8b0761a",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_44a23",
                    table="billing_invoicetax",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgeraccount",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'append-only: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="e0016a2864702a5e082ec006446d53b8a9685b4a",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_fe0d4",
                    table="billing_ledgeraccount",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgeraccount",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="b8b1571d58d1ee2140fa6fbb2ed25b2375ac149d",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_4d2b3",
                    table="billing_ledgeraccount",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgertransaction",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'append-only: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="ed0b833ce2ceefe6a8c51ed9eeb1b9fc159daa7b",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_52e8d",
                    table="billing_ledgertransaction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgertransaction",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="0133ee429f61c76da750b8d8a1484b2d927a5eac",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_f9ed9",
                    table="billing_ledgertransaction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgertransaction",
            trigger=pgtrigger.compiler.Trigger(
                name="has_entries",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF NOT EXISTS (SELECT 1 FROM billing_ledgerentry WHERE transaction_id = NEW.id) THEN\n    RAISE EXCEPTION 'ledger transaction % has no entries', NEW.id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="a0369e1eb07a0b1502e012b957c6a5411c5d9f05",
                    operation="INSERT",
                    pgid="pgtrigger_has_entries_4739d",
                    table="billing_ledgertransaction",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'append-only: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="14219ede86543cda66075fda0dbfd6066e65bddb",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_c9e1b",
                    table="billing_ledgerentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="c645ad767fa20d64634f6576cd4897d9fbdd493f",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_40114",
                    table="billing_ledgerentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="sums_to_zero",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF (SELECT coalesce(sum(amount_nanos), 0) FROM billing_ledgerentry\n    WHERE transaction_id = NEW.transaction_id) <> 0\nTHEN\n    RAISE EXCEPTION 'ledger transaction % does not sum to zero', NEW.transaction_id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="dd7804a2a1b4379e4a0536eaf7d317f6f8572ca7",
                    operation="INSERT",
                    pgid="pgtrigger_sums_to_zero_af3d9",
                    table="billing_ledgerentry",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditgrant",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'append-only: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="0db7f9043d9e6e3d32e1c0ba7934b3ecc0c12d64",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_b8566",
                    table="billing_creditgrant",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditgrant",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="680ba947057ed34b00b3d70d7747802569486442",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_55e85",
                    table="billing_creditgrant",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="final_once_issued",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF TG_OP = 'INSERT' THEN\n    IF NEW.status = 'draft' THEN RETURN NEW; END IF;\nELSIF TG_OP = 'DELETE' THEN\n    IF OLD.status = 'draft' THEN RETURN OLD; END IF;\nELSIF OLD.status = 'draft' AND NEW.status IN ('draft', 'issued')\n    OR (OLD.status, NEW.status) IN (\n            ('issued', 'paid'), ('issued', 'void'), ('issued', 'uncollectible'),\n            ('uncollectible', 'paid'), ('paid', 'issued'))\n        AND to_jsonb(NEW) - 'status' - 'settled_at'\n            = to_jsonb(OLD) - 'status' - 'settled_at'\nTHEN\n    RETURN NEW;\nEND IF;\nRAISE EXCEPTION 'an invoice starts as a draft and is final once issued: % refused',\n    TG_OP USING ERRCODE = 'restrict_violation';\n",
                    hash="dd10d8ffb368383d091478f84cbd858336a3dd4f",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_final_once_issued_42d8f",
                    table="billing_invoice",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="totals_are_the_lines",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF EXISTS (\n    SELECT 1 FROM billing_invoice i LEFT JOIN billing_lineitem l ON l.invoice_id = i.id\n    WHERE i.id = NEW.id GROUP BY i.id\n    HAVING i.total_nanos <> coalesce(sum(l.amount_nanos), 0)\n        OR i.lines_cents <> coalesce(sum(l.amount_cents), 0))\nTHEN\n    RAISE EXCEPTION 'the totals of invoice % are not the sums of its lines', NEW.id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="276d0a5da3bc324144ebe8abd9b896b250149e85",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_totals_are_the_lines_86f80",
                    table="billing_invoice",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="feb06d8625c63c9db6168eb72f867e3a78e88495",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_beee2",
                    table="billing_invoice",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditnoteline",
            trigger=pgtrigger.compiler.Trigger(
                name="final_once_issued",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF TG_OP <> 'INSERT' THEN\n    PERFORM 1 FROM billing_creditnote\n        WHERE id = OLD.credit_note_id AND status <> 'draft' FOR SHARE;\n    IF FOUND THEN\n        RAISE EXCEPTION 'the lines of an issued credit note are final: % refused', TG_OP\n            USING ERRCODE = 'restrict_violation';\n    END IF;\nEND IF;\nIF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\nPERFORM 1 FROM billing_creditnote\n    WHERE id = NEW.credit_note_id AND status <> 'draft' FOR SHARE;\nIF FOUND THEN\n    RAISE EXCEPTION 'the lines of an issued credit note are final: % refused', TG_OP\n        USING ERRCODE = 'restrict_violation';\nEND IF;\nRETURN NEW;\n",
                    hash="996f0e0f5522757799df25ac27f5e83d5aed7a9a",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_final_once_issued_c1311",
                    table="billing_creditnoteline",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditnoteline",
            trigger=pgtrigger.compiler.Trigger(
                name="no_more_than_billed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF EXISTS (\n    SELECT 1 FROM billing_creditnoteline n JOIN billing_lineitem l ON l.id = n.line_id\n    WHERE n.line_id = NEW.line_id GROUP BY l.id\n    HAVING sum(n.amount_nanos) > l.amount_nanos\n        OR sum(n.amount_cents) > l.amount_cents OR sum(n.quantity) > l.quantity)\nTHEN\n    RAISE EXCEPTION 'credit notes take more from line % than it billed', NEW.line_id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="2092936cdc2453421caf4d9a08ffc4ff525439ab",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_no_more_than_billed_543f0",
                    table="billing_creditnoteline",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditnoteline",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="40fb34ab437df9e9825e367d252a1f8ca07b2d47",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_a6b5a",
                    table="billing_creditnoteline",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="chargeback",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="32865b43062d616ddd23f24c6e4dda0af5dfa7fd",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_7fa23",
                    table="billing_chargeback",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="payment",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="b23c27145700828c75154f2095a14e4d77f2493c",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_cfd46",
                    table="billing_payment",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="pricebook",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'a price book never changes: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="b3cae50fbee2dfde5bac08741a79611e4fce34ab",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_1c834",
                    table="billing_pricebook",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="pricebook",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="3f8c3da89bed66eac4b14ab9e4ebc7740390bd2a",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_0484c",
                    table="billing_pricebook",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="planbookchange",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'append-only: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="c715b7de64fb6e11c8f7861a93ae4c34e9e06202",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_ebf75",
                    table="billing_planbookchange",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="planbookchange",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="eba835e99ddc54c4fb4dc5a26910574f1662fc04",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_2ec94",
                    table="billing_planbookchange",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="priceversion",
            trigger=pgtrigger.compiler.Trigger(
                name="never_changes",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF TG_OP = 'UPDATE'\n    AND to_jsonb(NEW) - 'effective_to' = to_jsonb(OLD) - 'effective_to'\n    AND (OLD.effective_to IS NULL OR OLD.effective_to = NEW.effective_to)\nTHEN\n    RETURN NEW;\nEND IF;\nRAISE EXCEPTION 'a price version never changes: % refused', TG_OP\n    USING ERRCODE = 'restrict_violation';\n",
                    hash="2190f654bd2952e09ab5c2f5f28698d0e2b2458f",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_never_changes_e115b",
                    table="billing_priceversion",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="priceversion",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="c109f802d17d835317babf7e5b79d981d543134a",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_3c193",
                    table="billing_priceversion",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="lineitem",
            trigger=pgtrigger.compiler.Trigger(
                name="final_once_issued",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF TG_OP <> 'INSERT' THEN\n    PERFORM 1 FROM billing_invoice\n        WHERE id = OLD.invoice_id AND status <> 'draft' FOR SHARE;\n    IF FOUND THEN\n        RAISE EXCEPTION 'the lines of an issued invoice are final: % refused', TG_OP\n            USING ERRCODE = 'restrict_violation';\n    END IF;\nEND IF;\nIF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\nPERFORM 1 FROM billing_invoice\n    WHERE id = NEW.invoice_id AND status <> 'draft' FOR SHARE;\nIF FOUND THEN\n    RAISE EXCEPTION 'the lines of an issued invoice are final: % refused', TG_OP\n        USING ERRCODE = 'restrict_violation';\nEND IF;\nRETURN NEW;\n",
                    hash="b4bcdb7c4bc05af6158b662a600dbcc405d8590c",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_final_once_issued_13194",
                    table="billing_lineitem",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="lineitem",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="003743c0c4a5b0aa365d8bfd4b9c3455975b6f3f",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_9425e",
                    table="billing_lineitem",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="receiptblock",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'what an invoice bills is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="89728376afe9da28978299121990c0b8aabbee88",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_c4d0e",
                    table="billing_receiptblock",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="receiptblock",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'what an invoice bills is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="1d880f2fb181025a463ccfb1310fd4af449b05a7",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_a742e",
                    table="billing_receiptblock",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refund",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="137baae73b7c412a590afad23a693090d8c59801",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_68c7b",
                    table="billing_refund",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookattempt",
            trigger=pgtrigger.compiler.Trigger(
                name="never_changed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'the log of deliveries is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="1094844444e3c2dd0539661e96da2d79b6951cf7",
                    operation="UPDATE",
                    pgid="pgtrigger_never_changed_a98c1",
                    table="billing_webhookattempt",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookattempt",
            trigger=pgtrigger.compiler.Trigger(
                name="kept_for_days",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.attempted_at > now() - interval '30 days')",
                    func="RAISE EXCEPTION 'the log of deliveries is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="001e06e69d7ff4ee3b27d3827736511988c34f26",
                    operation="DELETE",
                    pgid="pgtrigger_kept_for_days_9b332",
                    table="billing_webhookattempt",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookattempt",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'the log of deliveries is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="abdad4f2da11072e6b7a2a1d209773e8fc279d41",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_33351",
                    table="billing_webhookattempt",
                    when="BEFORE",
                ),
            ),
        ),
    ]
