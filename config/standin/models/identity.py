"""Whom the company that checks papers was asked about, and what it found out."""

from typing import ClassVar, Self

from django.db import models


class CaseStatus(models.TextChoices):
    WAITING = "waiting"
    CHECKING = "checking"
    VERIFIED = "verified"
    DECLINED = "declined"


class IdentityCase(models.Model):
    """One person to verify, once per reference."""

    number = models.BigAutoField(primary_key=True)
    public_id = models.CharField(max_length=40, unique=True)
    reference = models.CharField(max_length=64, unique=True)
    return_url = models.CharField(max_length=500)
    status = models.CharField(max_length=10, choices=CaseStatus.choices, default=CaseStatus.WAITING)
    name = models.CharField(max_length=140, blank=True)
    birth_date = models.DateField(null=True)
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    # Until then a case that is answered says that it is being checked.
    answers_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return self.reference
