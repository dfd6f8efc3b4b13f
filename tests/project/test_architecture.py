"""The shape of the code: what import contracts cannot see.

Each rule is a function from a module to what is wrong with it, so that a control can show it bad
code; the tests hold every module against every rule.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models

from tests.project import source
from tests.project.source import Module

LINES_MAX = 400
FUNCTION_LINES_MAX = 60
DOORS = source.layers_until("services")
DEEDS = source.layer_of("services")
ADAPTERS = {"wallet.providers", "payouts.rails", "accounts.providers"}
ADAPTER_LAYERS = {"providers", "rails"}
# Doors that speak with an adapter themselves: a notice is verified by it, and staff see its words.
ADAPTER_DOORS = {"webhooks", "admin_purchases"}
NOT_FOR_THE_DOMAIN = (
    "django.http",
    "django.shortcuts",
    "django.views",
    "django.contrib.messages",
    "rest_framework",
    "celery",
)
# Reads of the ledger that the read models cannot say. Nothing else names its schema.
LEDGER_READERS = {
    "wallet/models/books.py",
    "wallet/books.py",
    "wallet/traces.py",
    "wallet/balances.py",
    "wallet/proofs.py",
    "wallet/seals.py",
    "wallet/holds.py",
    "wallet/losses.py",
    "wallet/totals.py",
    "payouts/held.py",
    "payouts/unclaimed.py",
    "payouts/runs.py",
    "payouts/earning_facts.py",
    "payouts/earning_traits.py",
    "payouts/closing.py",
    "payouts/months.py",
    "payouts/tallies.py",
}
LEDGER = ("wallet/ledger.py", "wallet/cash.py", "wallet/returns.py")
# A backup begins the ledger's transaction ids anew, and benches drive it on a scratch database.
LEDGER_TOOLS = ("config/backups.py", "config/benches/")
LEDGER_READS = re.compile(r'\bledger"?\."?(\w+)"?\s*\(')
LEDGER_READ_FUNCTIONS = {"turnover"}
LEDGER_NAME = re.compile(r'\bledger"?\."?[a-z_]+')
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|JOIN|CALL|TRUNCATE)\b|^\"ledger\"\.")
SQL_WRITE = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|ALTER|DROP)\s+\"?ledger\b")
# Help texts of forms are written by programmers, ours and Django's, and may hold lists.
SAFE_TEMPLATES = {"templates/components/field.html"}

type Rule = Callable[[Module], Iterator[str]]


# --- The rules --------------------------------------------------------------------------------


def sizes(module: Module) -> Iterator[str]:
    """A file is read in one go, a function at one glance."""
    lines = len(module.code.splitlines())
    if lines > LINES_MAX:
        yield f"{lines} lines, {LINES_MAX} are enough: split off a noun"
    for function in source.functions(module.tree):
        length = (function.end_lineno or 0) - function.lineno + 1
        if length > FUNCTION_LINES_MAX:
            yield f"{function.lineno}: {function.name} has {length} lines"


def opening(module: Module) -> Iterator[str]:
    """A module says what it is for."""
    if module.code and ast.get_docstring(module.tree) is None:
        yield "has no docstring"


def domain_without_doors(module: Module) -> Iterator[str]:
    """Deeds, rules, reads and models know neither requests nor queues."""
    if module.app not in source.APPS or module.layer in DOORS:
        return
    for line, name in source.imports(module.tree):
        if name.startswith(tuple(f"{part}." for part in NOT_FOR_THE_DOMAIN)) or name == "celery":
            yield f"{line}: imports {name}"


def adapters_behind_deeds(module: Module) -> Iterator[str]:
    """The outside is called by deeds, by reads that ask what may be charged, and by webhooks."""
    if module.app not in source.APPS:
        return
    above = DEEDS | ADAPTER_DOORS | source.layer_of("quotes") | source.layer_of("offers")
    for line, name in source.imports(module.tree):
        package = ".".join(name.split(".")[:2])
        is_inside = module.path.startswith(package.replace(".", "/"))
        is_adapter = module.layer in ADAPTER_LAYERS  # one client of a company that does both
        if package in ADAPTERS and not (is_inside or is_adapter) and module.layer not in above:
            yield f"{line}: calls {package}"


def standin_alone(module: Module) -> Iterator[str]:
    """The stand-in is a separate program: it imports nothing of ours, and we nothing of it."""
    is_standin = module.path.startswith("config/standin/")
    for line, name in source.imports(module.tree):
        is_ours = name.startswith(tuple(f"{app}." for app in (*source.APPS, "config")))
        if is_ours and name.startswith("config.standin") != is_standin:
            yield f"{line}: imports {name}"


def no_signals(module: Module) -> Iterator[str]:
    """What happens is called by name; the linter forbids Django's own signals only."""
    for line, name in source.imports(module.tree):
        if re.search(r"(^|\.)(signals|dispatch)(\.|$)", name):
            yield f"{line}: imports {name}"


def ledger_by_name(module: Module) -> Iterator[str]:
    """Value moves through the ledger's own modules alone; what else reads the schema is listed."""
    if module.path in LEDGER or module.path.startswith(LEDGER_TOOLS):
        return
    for line, text in source.texts(module.tree):
        if not (LEDGER_NAME.search(text) and SQL.search(text)):
            continue
        if module.path not in LEDGER_READERS:
            yield f"{line}: names the ledger's schema"
        called = set(LEDGER_READS.findall(text)) - LEDGER_READ_FUNCTIONS
        if called or SQL_WRITE.search(text):
            yield f"{line}: does more than read the ledger"


def no_floats(module: Module) -> Iterator[str]:
    """Money and coins are integers, Fractions or Decimals. (Seconds of waiting are not money.)"""
    if module.app not in source.APPS[1:] or module.layer == "fanout":
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Constant(value=float()):
                yield f"{node.lineno}: {node.value!r}"
            case ast.Name(id="float"):
                yield f"{node.lineno}: float"


def tasks_by_keyword(module: Module) -> Iterator[str]:
    """A task's message names each fact, so that old messages and new code understand each other."""
    if module.layer != "tasks":
        return
    for function in source.functions(module.tree):
        is_task = any("task" in ast.unparse(word) for word in function.decorator_list)
        if is_task and (function.args.args or function.args.posonlyargs or function.args.vararg):
            yield f"{function.lineno}: {function.name} takes arguments by position"


def deeds_say_what_they_do(module: Module) -> Iterator[str]:
    """Every public deed says its effect, which its name cannot."""
    if module.app not in source.APPS or module.layer not in DEEDS:
        return
    for function in module.tree.body:
        if not isinstance(function, ast.FunctionDef) or function.name.startswith("_"):
            continue
        if ast.get_docstring(function) is None:
            yield f"{function.lineno}: {function.name} has no docstring"


def no_unescaped_text(module: Module) -> Iterator[str]:
    """HTML is made by templates and format_html, which escape."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Name(id="mark_safe") | ast.Attribute(attr="mark_safe"):
                yield f"{node.lineno}: mark_safe"
            case ast.Call(func=ast.Name(id="SafeString"), args=[argument]):
                if not isinstance(argument, ast.Constant):
                    yield f"{node.lineno}: SafeString of what is not written there"


RULES: list[Rule] = [
    sizes,
    opening,
    domain_without_doors,
    adapters_behind_deeds,
    standin_alone,
    no_signals,
    ledger_by_name,
    no_floats,
    tasks_by_keyword,
    deeds_say_what_they_do,
    no_unescaped_text,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps_the_rule(rule: Rule) -> None:
    broken = [f"{module.path}:{words}" for module in source.modules() for words in rule(module)]

    assert not broken, f"{rule.__doc__}\n" + "\n".join(broken)


@pytest.mark.parametrize(
    ("rule", "path", "code"),
    [
        (sizes, "wallet/services.py", "\n" * 401),
        (sizes, "wallet/services.py", "def f():\n" + "    x = 1\n" * 60),
        (opening, "wallet/services.py", "import os\n"),
        (domain_without_doors, "wallet/services.py", "from django.http import HttpRequest\n"),
        (domain_without_doors, "gifts/queries.py", "from rest_framework import serializers\n"),
        (domain_without_doors, "payouts/models.py", "from celery import shared_task\n"),
        (adapters_behind_deeds, "wallet/views.py", "from wallet.providers import base\n"),
        (adapters_behind_deeds, "payouts/queries.py", "from payouts.rails.bank import Bank\n"),
        (standin_alone, "config/standin/pages.py", "from config import settings\n"),
        (standin_alone, "config/relay.py", "from config.standin import bank\n"),
        (no_signals, "gifts/apps.py", "from allauth.account import signals\n"),
        (ledger_by_name, "gifts/queries.py", 'q = "SELECT 1 FROM ledger.account"\n'),
        (ledger_by_name, "wallet/books.py", 'q = "SELECT * FROM ledger.gift(%s)"\n'),
        (ledger_by_name, "wallet/books.py", 'q = "UPDATE ledger.balance SET coins = 1"\n'),
        (no_floats, "wallet/money.py", "RATE = 0.005\n"),
        (no_floats, "payouts/services.py", "cash = float(diamonds)\n"),
        (tasks_by_keyword, "gifts/tasks.py", "@shared_task\ndef end(room_id): ...\n"),
        (deeds_say_what_they_do, "wallet/services.py", "def credit(*, coins): ...\n"),
        (no_unescaped_text, "gifts/admin.py", "from x import mark_safe\nmark_safe(name)\n"),
        (no_unescaped_text, "gifts/admin.py", "html = SafeString(name)\n"),
    ],
)
def test_control_the_rule_finds_what_breaks_it(rule: Rule, path: str, code: str) -> None:
    assert list(rule(Module(path, code)))


# --- Foreign keys -----------------------------------------------------------------------------


def upward(model: type[models.Model], related: type[models.Model]) -> bool:
    """Tell whether a foreign key would make a lower app know a higher or a level one."""
    ours, theirs = model._meta.app_label, related._meta.app_label
    if theirs not in source.RANKS or ours == theirs:
        return False
    return source.RANKS[theirs] >= source.RANKS[ours]


def test_foreign_keys_follow_the_direction_of_the_apps() -> None:
    broken = [
        f"{model._meta.label}.{field.name} points at {field.related_model._meta.label}"
        for app in source.APPS
        for model in apps.get_app_config(app).get_models(include_auto_created=True)
        for field in model._meta.get_fields()
        if field.concrete
        and field.is_relation
        and isinstance(field.related_model, type)
        and upward(model, field.related_model)
    ]

    assert not broken


def test_control_a_foreign_key_from_below_or_beside_is_seen() -> None:
    sending = apps.get_model("gifts", "Sending")
    payout = apps.get_model("payouts", "Payout")
    purchase = apps.get_model("wallet", "Purchase")

    assert upward(purchase, sending)
    assert upward(payout, sending)
    assert not upward(sending, purchase)


# --- Templates --------------------------------------------------------------------------------


def inline_code(html: str) -> list[str]:
    """Find what the content security policy would stop."""
    return re.findall(
        r"""<style\b|<script(?![^>]*\ssrc=)[^>]*>|\s(?:style|on[a-z]+)=["'{]|javascript:""",
        html,
        re.IGNORECASE,
    )


def unescaped(html: str) -> list[str]:
    """Find text that is shown as HTML."""
    return re.findall(r"\|\s*safe(?:seq)?\b|autoescape\s+off", html)


def test_templates_have_no_inline_style_or_script() -> None:
    # Emails are read in mail programs, which keep no style sheets.
    pages = [path for path in source.templates() if "emails" not in path.parts]

    broken = {
        str(p.relative_to(source.ROOT)): found
        for p in pages
        if (found := inline_code(p.read_text()))
    }

    assert not broken


def test_templates_escape_what_they_show() -> None:
    broken = {
        name: found
        for path in source.templates()
        if (name := str(path.relative_to(source.ROOT))) not in SAFE_TEMPLATES
        and (found := unescaped(path.read_text()))
    }

    assert not broken


@pytest.mark.parametrize(
    "html",
    [
        '<p style="color: red">',
        "<style>p { color: red }</style>",
        "<script>alert(1)</script>",
        '<script type="module">alert(1)</script>',
        '<button onclick="pay()">',
        '<a href="javascript:pay()">',
    ],
)
def test_control_inline_code_is_found(html: str) -> None:
    assert inline_code(html)


@pytest.mark.parametrize(
    "html", ["{{ name|safe }}", "{{ names | safeseq }}", "{% autoescape off %}"]
)
def test_control_unescaped_text_is_found(html: str) -> None:
    assert unescaped(html)


def test_the_top_level_holds_what_the_layout_names() -> None:
    named = {"manage.py", "pyproject.toml", "uv.lock", "README.md", "LICENSE", "templates", "tests"}

    found = {path.name for path in Path(source.ROOT).iterdir() if not path.name.startswith(".")}

    assert found - {"__pycache__"} == named | {"config", *source.APPS}
