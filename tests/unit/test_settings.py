from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from bountyexpo.settings import DEVELOPMENT_ORIGINS, Environment, Settings, SettingsError

PRODUCTION = {
    "BOUNTYEXPO_ENV": "production",
    "DATABASE_URL": "postgresql://app:hunter2@db.internal/bountyexpo",
    "SUPABASE_URL": "https://abc.supabase.co",
    "SUPABASE_ANON_KEY": "anon",
    "SUPABASE_SERVICE_ROLE_KEY": "service",
    "STRIPE_SECRET_KEY": "sk_live_abc",
    "STRIPE_WEBHOOK_SECRET": "whsec_a,whsec_b",
}

SEVERAL_HOSTS = "postgresql://app:x@one:1,two:2/x?target_session_attrs=read-write"

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def problems(environ):
    with pytest.raises(SettingsError) as refusal:
        Settings.load(environ)
    return refusal.value.problems


def test_nothing_set_runs_on_emulators():
    settings = Settings.load({})

    assert settings == Settings(rate_limit_multiplier=20)
    assert settings.uses_embedded_database
    assert settings.uses_sandbox_auth
    assert settings.uses_sandbox_stripe
    assert (settings.port, settings.sandbox_port) == (3001, 3002)
    assert settings.allowed_origins == DEVELOPMENT_ORIGINS


@pytest.mark.parametrize(
    ("environ", "hosts"),
    [
        ({}, ()),
        (PRODUCTION, ("abc.supabase.co",)),
        (PRODUCTION | {"MEDIA_HOSTS": "files.example.org, CDN.example.org"}, None),
    ],
)
def test_files_lie_in_our_own_storage(environ, hosts):
    expected = hosts if hosts is not None else ("files.example.org", "cdn.example.org")

    assert Settings.load(environ).media_hosts == expected


@pytest.mark.parametrize("value", ["https://files.example.org", "a/b", "a:80", "a@b", "[::"])
def test_a_media_host_is_a_host_and_nothing_more(value):
    [problem] = problems({"MEDIA_HOSTS": value})

    assert "MEDIA_HOSTS" in problem


def test_complete_production_is_accepted():
    settings = Settings.load(PRODUCTION)

    assert settings.is_production
    assert not settings.uses_embedded_database
    assert not settings.uses_sandbox_auth
    assert not settings.uses_sandbox_stripe
    assert settings.stripe_webhook_secrets == ("whsec_a", "whsec_b")
    assert settings.allowed_origins == ()


@pytest.mark.parametrize(
    ("name", "value", "attribute", "expected"),
    [
        ("PORT", "0", "sandbox_port", 0),
        (
            "RATE_LIMIT_ALLOW",
            "10.1.0.0/16, ::1",
            "rate_limit_allow",
            (ip_network("10.1.0.0/16"), ip_network("::1")),
        ),
        ("PORT", "8080", "sandbox_port", 8081),
        ("PORT", " '8080' ", "port", 8080),
        ("PORT", "", "port", 3001),
        ("SANDBOX_PORT", "9000", "sandbox_port", 9000),
        ("HOST", "", "host", "0.0.0.0"),
        ("HOST", "::", "host", "::"),
        ("HOST", "[::1]", "host", "::1"),
        ("HOST", "localhost", "host", "localhost"),
        ("BOUNTYEXPO_ENV", "Staging", "environment", Environment.STAGING),
        ("BOUNTYEXPO_DATA", "/var/x", "data_dir", Path("/var/x")),
        ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ("HTTP_DIRECT", "off", "http_direct", False),
        ("RATE_LIMITS", "off", "rate_limits", False),
        ("RATE_LIMIT_MULTIPLIER", "2.5", "rate_limit_multiplier", 2.5),
        ("SHUTDOWN_GRACE_S", "0.5", "shutdown_grace_s", 0.5),
        ("PLATFORM_FEE_BPS", "0", "platform_fee_bps", 0),
        ("ALLOWED_ORIGINS", "https://A.example/, *", "allowed_origins", ("https://a.example", "*")),
        ("ALLOWED_ORIGINS", "https://a.example:443", "allowed_origins", ("https://a.example",)),
        ("ALLOWED_ORIGINS", "http://[::1]:80", "allowed_origins", ("http://[::1]",)),
        ("ALLOWED_ORIGINS", "http://a.example:443", "allowed_origins", ("http://a.example:443",)),
        ("TRUSTED_PROXIES", "10.1.2.3/8", "trusted_proxies", (ip_network("10.0.0.0/8"),)),
        ("REDIS_URL", "redis://h:1/0", "redis_url", "redis://h:1/0"),
        ("DATABASE_URL", "postgres:///x?host=/run", "database_url", "postgres:///x?host=/run"),
        ("DATABASE_URL", SEVERAL_HOSTS, "database_url", SEVERAL_HOSTS),
        ("METRICS_TOKEN", "m" * 16, "metrics_token", "m" * 16),
        ("SUPABASE_JWT_SECRET", "j" * 32, "supabase_jwt_secret", "j" * 32),
        ("SUPABASE_JWT_ISSUER", "https://x/auth", "supabase_jwt_issuer", "https://x/auth"),
        ("SUPABASE_JWT_AUDIENCE", "people", "supabase_jwt_audience", "people"),
        ("SUPABASE_SERVICE_KEY", "k", "supabase_service_role_key", "k"),
        ("SERVICE_ROLE_KEY", "k", "supabase_service_role_key", "k"),
        ("EXPO_PUBLIC_SUPABASE_ANON_KEY", "k", "supabase_anon_key", "k"),
    ],
)
def test_value_is_read(name, value, attribute, expected):
    assert getattr(Settings.load({name: value}), attribute) == expected


@pytest.mark.parametrize(
    "name", ["SUPABASE_URL", "EXPO_PUBLIC_SUPABASE_URL", "PUBLIC_SUPABASE_URL"]
)
def test_auth_server_has_three_names(name):
    keys = {"SUPABASE_ANON_KEY": "a", "SUPABASE_SERVICE_ROLE_KEY": "s"}

    settings = Settings.load({name: "https://abc.supabase.co/", **keys})

    assert settings.supabase_url == "https://abc.supabase.co"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOUNTYEXPO_ENV", "prod"),
        ("PORT", "abc"),
        ("PORT", "-1"),
        ("PORT", "70000"),
        ("PORT", "1.5"),
        ("SANDBOX_PORT", "3001"),
        ("DATABASE_URL", "mysql://h/x"),
        ("DATABASE_URL", "postgresql:///x"),
        ("DATABASE_URL", "postgresql://h:notaport/x"),
        ("DATABASE_URL", "postgresql://h:70000/x"),
        ("DATABASE_URL", "postgresql://h/x?pgbouncer=true&connection_limit=1"),
        ("DATABASE_URL", "postgresql://h/x?schema=public"),
        ("DATABASE_URL", "postgresql://h/x?sslmode=no-verify"),
        ("DATABASE_URL", "postgresql://app:S3cret%zz@h/x"),
        ("DATABASE_URL", "postgresql://h/%zz"),
        ("DB_POOL_MIN", "11"),
        ("DB_POOL_MAX", "0"),
        ("REDIS_URL", "http://h"),
        ("SUPABASE_URL", "abc.supabase.co"),
        ("SUPABASE_JWT_SECRET", "short"),
        ("STRIPE_SECRET_KEY", "pk_test_x"),
        ("STRIPE_SECRET_KEY", "sk_live_x"),
        ("STRIPE_API_BASE", "localhost:1"),
        ("ALLOWED_ORIGINS", "app.example"),
        ("ALLOWED_ORIGINS", "https://app.example/path"),
        ("TRUSTED_PROXIES", "proxy.internal"),
        ("METRICS_TOKEN", "short"),
        ("HTTP_DIRECT", "perhaps"),
        ("RATE_LIMITS", "maybe"),
        ("RATE_LIMIT_MULTIPLIER", "0"),
        ("RATE_LIMIT_MULTIPLIER", "nan"),
        ("PLATFORM_FEE_BPS", "3001"),
        ("SHUTDOWN_GRACE_S", "soon"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_value_is_refused_by_name(name, value):
    found = problems({name: value})

    assert any(problem.startswith(name) for problem in found)


def test_all_problems_are_told_at_once():
    found = problems({"PORT": "x", "LOG_LEVEL": "loud", "DB_POOL_MIN": "50"})

    assert [problem.split()[0] for problem in found] == ["PORT", "LOG_LEVEL", "DB_POOL_MIN"]


def test_problem_says_value_and_fix():
    (problem,) = problems({"PORT": "abc"})

    assert problem == (
        "PORT is 'abc', which is not a whole number in range. Use 0 to 65535; 3001 is the default."
    )


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://app:hunter2%zz@h/x",
        "postgresql://app:hunter2@h/x?hunter2=1",
        "hunter2",
        "postgresql://app:hunter2@h:hunter2/x",
        "postgresql://app:hunter2@h/x?sslmode=hunter2",
    ],
)
def test_a_refused_database_address_is_not_repeated(address):
    [told] = problems({"DATABASE_URL": address})

    assert told.startswith("DATABASE_URL ")
    assert "hunter2" not in told


def test_no_secret_is_told_or_printed():
    environ = PRODUCTION | {
        "DATABASE_URL": "mysql://app:hunter2@db/x",
        "REDIS_URL": "http://:hunter2@h",
        "SUPABASE_JWT_SECRET": "hunter2",
        "STRIPE_SECRET_KEY": "hunter2",
        "STRIPE_WEBHOOK_SECRET": "hunter2",
        "METRICS_TOKEN": "hunter2",
    }

    assert "hunter2" not in "".join(problems(environ))
    assert "hunter2" not in repr(Settings.load(PRODUCTION))


@pytest.mark.parametrize("name", [name for name in PRODUCTION if name != "BOUNTYEXPO_ENV"])
def test_production_names_what_is_missing(name):
    environ = {key: value for key, value in PRODUCTION.items() if key != name}

    assert any(problem.startswith(f"{name} is not set") for problem in problems(environ))


@pytest.mark.parametrize(
    "host",
    ["localhost:3001", "0.0.0.0:80", "[::1]:80", "[::1", "[]", "http://x", "a b", "*", ":::"],
)
def test_a_host_is_no_more_than_a_host(host):
    [problem] = problems({"HOST": host})

    assert problem.startswith("HOST is ")
    assert "0.0.0.0" in problem


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:3001"),
        ("::", "http://[::1]:3001"),
        ("::1", "http://[::1]:3001"),
        ("10.0.0.7", "http://10.0.0.7:3001"),
        ("localhost", "http://localhost:3001"),
    ],
)
def test_programs_on_this_machine_reach_the_service_at_its_host(host, url):
    assert Settings.load({"HOST": host}).local_url == url


DEMO_KEY = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJzdXBhYmFzZS1kZW1vIn0.c2lnbmF0dXJl"

# What each setting must not be where real money is at stake; none for those that harm nobody.
HARMFUL: dict[str, tuple[str, ...]] = {
    "BOUNTYEXPO_ENV": (),
    "HOST": (),
    "PORT": (),
    "SANDBOX_PORT": (),
    "BOUNTYEXPO_DATA": (),
    "DB_POOL_MIN": (),
    "DB_POOL_MAX": (),
    "DATABASE_URL": ("postgresql://app:your-password@h/x", ""),
    "REDIS_URL": ("redis://:changeme@h",),
    "SUPABASE_URL": (
        *("http://abc.supabase.co", "http://127.0.0.1:54321", "https://localhost", "https://[::1]"),
        *("https://app.localhost:1", "https://LOCALHOST.", "https://0.0.0.0", ""),
    ),
    "SUPABASE_ANON_KEY": (DEMO_KEY, "your-anon-key", ""),
    "SUPABASE_SERVICE_ROLE_KEY": (DEMO_KEY, "your-service-key", ""),
    "SUPABASE_JWT_SECRET": (
        "super-secret-jwt-token-with-at-least-32-characters-long",
        "changeme" * 8,
    ),
    "SUPABASE_JWT_ISSUER": (),
    "SUPABASE_JWT_AUDIENCE": (),
    "STRIPE_SECRET_KEY": ("sk_test_abc", "sk_live_xxxx", "sk_abc", "rk_test_abc", ""),
    "STRIPE_WEBHOOK_SECRET": ("whsec_a,whsec_your_secret", ""),
    "STRIPE_API_BASE": ("http://localhost:1", "https://api.stripe.com"),
    "STRIPE_CONNECT_CLIENT_ID": (),
    "PLATFORM_FEE_BPS": (),
    "LOG_LEVEL": (),
    "ALLOWED_ORIGINS": (
        *("*", "https://app.example.org,*", "http://app.example.org", "https://localhost:8081"),
        "https://a.example,https://127.0.0.1",
    ),
    "MEDIA_HOSTS": ("localhost", "files.example.org,127.0.0.1"),
    "TRUSTED_PROXIES": ("0.0.0.0/0", "10.0.0.0/8,::/0"),
    "METRICS_TOKEN": ("placeholder-placeholder",),
    "HTTP_DIRECT": (),
    "RATE_LIMITS": ("off",),
    "RATE_LIMIT_MULTIPLIER": ("20", "1000000"),
    "RATE_LIMIT_ALLOW": ("10.0.0.0/8",),
    "SHUTDOWN_GRACE_S": (),
}


def test_each_setting_was_looked_at_for_what_it_must_not_be():
    shown = re.findall(r"^#?([A-Z][A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE)

    assert set(shown) == set(HARMFUL)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in HARMFUL for value in HARMFUL[name]]
)
def test_production_refuses_by_name_what_must_never_be_there(name, value):
    [*found] = problems(PRODUCTION | {name: value})

    assert {problem.split()[0] for problem in found} == {name}


@pytest.mark.parametrize("name", [name for name in HARMFUL if HARMFUL[name]])
def test_what_production_refuses_is_good_enough_for_a_developer(name):
    local = {"SUPABASE_ANON_KEY": "a", "SUPABASE_SERVICE_ROLE_KEY": "s"}
    local |= {"SUPABASE_URL": "http://127.0.0.1:54321", "STRIPE_SECRET_KEY": "sk_test_abc"}
    local |= {"STRIPE_WEBHOOK_SECRET": "whsec_a"}

    assert Settings.load(local | {name: HARMFUL[name][0]})


def test_real_auth_server_needs_its_keys_everywhere():
    found = problems({"SUPABASE_URL": "https://abc.supabase.co"})

    assert {problem.split()[0] for problem in found} == {
        "SUPABASE_ANON_KEY",
        "SUPABASE_SERVICE_ROLE_KEY",
    }


def test_real_stripe_needs_a_webhook_secret_everywhere():
    assert problems({"STRIPE_SECRET_KEY": "sk_test_x"})[0].startswith("STRIPE_WEBHOOK_SECRET")


def test_example_shows_the_defaults():
    lines = EXAMPLE.read_text().splitlines()
    shown = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z]\w*=", line))

    assert Settings.load(shown) == Settings.load({})


def test_example_documents_every_variable():
    source = Path(__file__).parents[2] / "bountyexpo" / "settings.py"
    read = set(re.findall(r'"([A-Z][A-Z_]{3,})"', source.read_text())) - {"DEBUG", "INFO"}
    read -= {"WARNING", "ERROR"}

    text = EXAMPLE.read_text()

    assert [name for name in sorted(read) if name not in text] == []
