"""The API does what its description says, for requests that fit it and for ones that do not."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings, strategies

from tests import factories, services
from tests.gifts import world

EXAMPLES = 120  # over all operations


@pytest.fixture
def described(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "openapi.json"
    call_command("spectacular", file=str(path), format="openapi-json")
    read: dict[str, Any] = json.loads(path.read_text())
    return read


@pytest.mark.filterwarnings("ignore")
def test_no_request_that_the_description_suggests_fails_and_each_answer_fits_it(
    committed: str, described: dict[str, Any]
) -> None:
    import schemathesis  # noqa: PLC0415 - costs a second
    from schemathesis import GenerationMode, checks  # noqa: PLC0415
    from schemathesis.specs.openapi import checks as fits  # noqa: PLC0415

    alice, bob = factories.make_user("alice"), factories.make_creator("bob")
    services.make_service()
    services.consent(alice)
    services.consent(alice, scope="balance:read")
    with transaction.atomic():
        factories.give_coins(alice, 1_000)
    world.make_room(bob)
    headers = {"Authorization": f"Bearer {services.token()}"}
    schema = schemathesis.openapi.from_dict(described)
    schema.app = get_wsgi_application()
    found: list[Any] = list(schema.get_all_operations())
    operations = [operation.ok() for operation in found]
    statuses: list[int] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=strategies.data())
    def ask(data: strategies.DataObject) -> None:
        operation = data.draw(strategies.sampled_from(operations))
        mode = data.draw(strategies.sampled_from(list(GenerationMode)))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        response = case.call(headers=headers)
        statuses.append(response.status_code)
        case.validate_response(
            response,
            checks=[
                checks.not_a_server_error,
                fits.status_code_conformance,
                fits.content_type_conformance,
                fits.response_schema_conformance,
            ],
        )

    ask()

    assert len(operations) == 50
    assert min(statuses) < 300
    assert max(statuses) >= 400
