"""Checkpoints and the nodes of the tree can be added and read, like the entries they are made of."""

from django.db import migrations

from pvc.grants import append_only


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_checkpoints")]

    operations = [
        migrations.RunSQL(append_only("audit_checkpoint", "checkpoints_are_append_only"), migrations.RunSQL.noop),
        migrations.RunSQL(append_only("audit_treenode", "tree_nodes_are_append_only"), migrations.RunSQL.noop),
    ]
