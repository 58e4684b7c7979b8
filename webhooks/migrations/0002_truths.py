"""What Django cannot declare: a delivery is its endpoint's, an attempt its delivery's, and both go with it."""

from django.db import migrations

#: Deleted by the database: an endpoint may have had hundreds of thousands of them.
FOREIGN_KEYS = """
    ALTER TABLE webhooks_delivery ADD CONSTRAINT delivery_of_its_endpoint
        FOREIGN KEY (tenant_id, endpoint_id) REFERENCES webhooks_webhookendpoint (tenant_id, id) ON DELETE CASCADE;
    ALTER TABLE webhooks_attempt ADD CONSTRAINT attempt_of_its_delivery
        FOREIGN KEY (tenant_id, delivery_id) REFERENCES webhooks_delivery (tenant_id, id) ON DELETE CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial")]

    operations = [migrations.RunSQL(FOREIGN_KEYS, migrations.RunSQL.noop)]
