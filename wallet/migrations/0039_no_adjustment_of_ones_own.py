"""Nobody proposes or decides an adjustment of their own."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('wallet', '0038_edits_that_stay'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='adjustment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('owner', models.F('proposer')), _negated=True), models.Q(('owner', models.F('approver')), _negated=True)), name='adjustment_not_own'),
        ),
    ]
