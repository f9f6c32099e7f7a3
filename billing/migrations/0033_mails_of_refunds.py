import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0032_currencies"),
        ("tenants", "0009_roles"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="documentmail",
            name="document_mail_of_one_document",
        ),
        migrations.AddField(
            model_name="documentmail",
            name="is_to_staff",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="documentmail",
            name="refund",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="mails",
                to="billing.refund",
            ),
        ),
        migrations.AddConstraint(
            model_name="documentmail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        models.Q(
                            models.Q(("credit_note", None), ("invoice__isnull", False)),
                            models.Q(("credit_note__isnull", False), ("invoice", None)),
                            _connector="OR",
                        ),
                        ("is_to_staff", False),
                        ("refund", None),
                    ),
                    models.Q(
                        ("credit_note", None),
                        ("invoice", None),
                        ("refund__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="document_mail_of_one_document",
            ),
        ),
        migrations.AddConstraint(
            model_name="documentmail",
            constraint=models.UniqueConstraint(
                condition=models.Q(("refund__isnull", False)),
                fields=("refund", "is_to_staff"),
                name="document_mail_of_refund_once",
            ),
        ),
    ]
