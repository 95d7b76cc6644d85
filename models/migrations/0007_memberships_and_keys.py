from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("models", "0006_search_words")]

    initial = False

    operations = [
        ops.CreateModel(
            name="AccessKeyChange",
            fields=[
                (
                    "id",
                    fields.BigIntField(
                        generated=True, primary_key=True, unique=True, db_index=True
                    ),
                ),
                (
                    "key",
                    fields.ForeignKeyField(
                        "models.AccessKey",
                        source_field="key_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="changes",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="key_changes",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("former_role", fields.CharField(null=True, max_length=20)),
                ("role", fields.CharField(max_length=20)),
                ("changed_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "access_key_changes", "app": "models"},
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Membership",
            name="is_removed",
            field=fields.BooleanField(default=False),
        ),
        ops.AddField(
            model_name="Membership",
            name="member_since",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Membership",
            name="withdrawn_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="SessionParticipant",
            name="is_removed",
            field=fields.BooleanField(default=False),
        ),
        ops.AddField(
            model_name="User",
            name="has_key_password",
            field=fields.BooleanField(default=False),
        ),
    ]
