"""Defaults < file < environment, and every mistake at once, each with its place."""

import pytest

from tailrace.config.load import load, safe_to_listen
from tailrace.config.problems import ConfigError

PROVIDER = "providers: {o: {base_url: http://h}}\n"


@pytest.fixture
def mistakes(write):
    """The mistakes in a configuration, with the file's name cut to `f`."""

    def find(text):
        path = write(text)
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert len(caught.value.problems) == len(str(caught.value).splitlines())
        return [str(problem).replace(path, "f") for problem in caught.value.problems]

    return find


def test_defaults_without_a_file():
    config = load().config
    assert (config.server.host, config.server.port, config.admin.port) == ("127.0.0.1", 8080, 8081)
    assert config.upstream.model_dump(include={"connect_s", "first_event_s", "idle_s", "total_s", "retries"}) == {
        "connect_s": 5.0, "first_event_s": 30.0, "idle_s": 60.0, "total_s": 600.0, "retries": 1,
    }  # fmt: skip
    assert config.server.max_body_bytes == 32 * 1024 * 1024
    assert not config.telemetry.capture_content


def test_file_over_defaults_environment_over_file(write, monkeypatch):
    path = write("server: {port: 1, host: '::1'}\nupstream: {idle_s: 5m}\n")
    monkeypatch.setenv("TAILRACE__SERVER__PORT", "2")
    monkeypatch.setenv("tailrace__upstream__retries", "3")
    monkeypatch.setenv("TAILRACE__PLUGINS", '[{"stream": {}}]')
    monkeypatch.setenv("TAILRACE__PROVIDERS__O__BASE_URL", "http://env")
    config = load(path).config
    assert (config.server.port, config.server.host, config.server.drain_s) == (2, "::1", 30.0)
    assert (config.upstream.idle_s, config.upstream.retries) == (300.0, 3)
    assert config.plugins == [{"stream": {}}]
    assert config.providers["o"].base_url == "http://env"


def test_the_file_named_by_the_environment(write, monkeypatch):
    monkeypatch.setenv("TAILRACE_CONFIG", write("server: {port: 7}", "a.yaml"))
    assert load().config.server.port == 7
    assert load(write("server: {port: 8}", "b.yaml")).config.server.port == 8
    monkeypatch.setenv("TAILRACE_CONFIG", "")
    assert load().config.server.port == 8080


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n", "---\n"])
def test_an_empty_file_is_all_defaults(write, text):
    assert load(write(text)).config == load().config


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${ONE}", "1"),
        ("http://${ONE}.${ONE}:${EMPTY:-80}/${NONE:-v1}", "http://1.1:80/v1"),
        ("${NONE:-}", ""),
        ("${ONE:-2}", "1"),
        ("$ONE ${} ${1} ${ONE", "$ONE ${} ${1} ${ONE"),
        ("${DOLLAR}", "a${ONE}b"),
    ],
)
def test_references(write, monkeypatch, text, expected):
    monkeypatch.setenv("ONE", "1")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("DOLLAR", "a${ONE}b")
    assert load(write(f"data_dir: '{text}'")).config.data_dir == expected


def test_references_in_lists_and_secrets(write, monkeypatch):
    monkeypatch.setenv("KEY", "sk-1")
    monkeypatch.setenv("PORT", "99")
    config = load(
        write(
            "server: {port: '${PORT}'}\nproviders: {o: {base_url: http://h, api_key: '${KEY}'}}\n"
            "models: {m: {targets: ['o/${PORT}']}}\n"
        )
    ).config
    assert (config.server.port, config.models["m"].targets) == (99, ["o/99"])
    assert config.providers["o"].api_key.get_secret_value() == "sk-1"
    assert "sk-1" not in repr(config)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("server: {port: 1\n", "f:2: configuration: not valid YAML: expected ',' or '}', but got '<stream end>'"),
        ("a: b: c\n", "f:1: configuration: not valid YAML: mapping values are not allowed here"),
        ("x: !!python/object:os.system {}\n", "f:1: configuration: not valid YAML"),
        ("- a\n", "f:1: configuration: the top level must be a mapping of sections"),
        ("just text\n", "f:1: configuration: the top level must be a mapping of sections"),
        (b"\xff\xfe\x00", "f: configuration: cannot read the configuration: it is not UTF-8"),
        ("server: {port: 1}\nadmin: {}\nserver: {host: h}\n", "f:3: server: stands here twice (first in line 1)"),
        ("server:\n  port: 1\n  port: 2\n", "f:3: server.port: stands here twice (first in line 2)"),
        (
            "plugins:\n- stream:\n    text_only: true\n    text_only: false\n",
            "f:4: plugins[0].stream.text_only: stands",
        ),
        ("a: &a [*a]\n", "f:1: a"),
        ("server: {prot: 1}\n", "f:1: server.prot: unknown key; did you mean 'port'?"),
        ("sever: {}\n", "f:1: sever: unknown key; did you mean 'server'?"),
        ("server:\n  port: 99999\n", "f:2: server.port: input should be less than or equal to 65535"),
        ("server: {drain_s: soon}\n", "f:1: server.drain_s: write a duration as"),
        ("data_dir: ${NOT_THERE}\n", "f:1: data_dir: the environment variable NOT_THERE is not set"),
        ("providers: {o: {}}\n", "f:1: providers.o: base_url is required"),
        ("providers: {o: {base_url: http://h, dialect: azure}}\n", "f:1: providers.o: api_version is required"),
        (PROVIDER + "models:\n  m:\n    targets: [o/x, p/x]\n", "f:4: models.m.targets[1]: no provider 'p'"),
        (PROVIDER + "models: {m: {targets: [o]}}\n", "f:2: models.m.targets[0]: write 'o' as provider/model"),
        (PROVIDER + "models: {m: {targets: [o/]}}\n", "f:2: models.m.targets[0]: write 'o/' as provider/model"),
        (PROVIDER + "models: {m: {targets: []}}\n", "f:2: models.m.targets: list should have at least 1 item"),
        (PROVIDER + "models: {m: {}}\n", "f:2: models.m: needs targets, as provider/model in fallback order"),
        (PROVIDER + "models: {auto: {route: true}}\n", "f:2: models.auto.route: no model has targets"),
        ("plugins: [{stream: {}, defaults: {}}]\n", "f:1: plugins[0]: write one plugin an entry"),
        ("plugins: [{}]\n", "f:1: plugins[0]: write one plugin an entry"),
    ],
)
def test_a_mistake_is_named_with_its_place(mistakes, text, expected):
    found = mistakes(text)
    assert len(found) == 1 and found[0].startswith(expected)


@pytest.mark.parametrize(("path", "reason"), [("nowhere.yaml", "No such file"), ("", "Is a directory")])
def test_a_file_that_cannot_be_read(tmp_path, path, reason):
    with pytest.raises(ConfigError, match=reason):
        load(str(tmp_path / path))


def test_all_mistakes_at_once(mistakes, monkeypatch):
    monkeypatch.setenv("TAILRACE__SEVRER__PORT", "1")
    monkeypatch.setenv("TAILRACE__UPSTREAM__RETRIES", "many")
    found = mistakes("server: {port: x, prot: 1}\nadmin: {token: '${NONE}'}\nproviders: {o: {base_url: ftp://h}}\n")
    places = {one.partition(": ")[2].partition(": ")[0]: one.partition(": ")[0] for one in found}
    assert places == {
        "server.port": "f:1", "server.prot": "f:1", "admin.token": "f:2", "providers.o.base_url": "f:3",
        "sevrer": "TAILRACE__SEVRER__PORT", "upstream.retries": "TAILRACE__UPSTREAM__RETRIES",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TAILRACE__SEVER__PORT", "1", "TAILRACE__SEVER__PORT: sever: unknown section; did you mean 'server'?"),
        ("TAILRACE__SERVER__PROT", "1", "TAILRACE__SERVER__PROT: server.prot: unknown key; did you mean 'port'?"),
        ("TAILRACE__SERVER__PORT", "x", "TAILRACE__SERVER__PORT: server.port: input should be a valid integer"),
        ("TAILRACE__SERVER", '{"port": "x"}', "TAILRACE__SERVER: server.port: input should be a valid integer"),
        ("TAILRACE__MODELS", "not json", "TAILRACE__MODELS: models: its JSON does not parse"),
        ("TAILRACE__PLUGINS", "not json", "TAILRACE__PLUGINS: plugins: input should be a valid list"),
    ],
)
def test_mistakes_in_the_environment_name_the_variable(monkeypatch, name, value, expected):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load()
    assert str(caught.value).startswith(expected)


def test_values_are_never_repeated(mistakes, monkeypatch):
    monkeypatch.setenv("KEY", "sk-very-secret")
    text = "\n".join(
        ["server: {port: '${KEY}', host: ['${KEY}']}", "admin: {token: ['${KEY}']}", "telemetry: {log: '${KEY}'}"]
        + ["providers: {o: {base_url: '${KEY}', api_key: ['${KEY}']}}"]
    )
    assert "secret" not in "\n".join(mistakes(text))


@pytest.mark.parametrize("key", ["_env_file", "_secrets_dir", "_case_sensitive", "_cli_parse_args"])
def test_keys_of_the_library_are_unknown_too(mistakes, key):
    assert mistakes(f"{key}: null\n") == [f"f:1: {key}: unknown key"]


def test_a_section_that_is_a_number(mistakes):
    assert mistakes("8080: x\n")[0].startswith("f:1: 8080: ")


@pytest.mark.parametrize("url", ["http://h:abc/v1", "http://h:99999", "http://[::1/v1", "http://:80/v1"])
def test_urls_that_cannot_be_taken_apart(mistakes, url):
    assert mistakes(f"providers: {{o: {{base_url: '{url}'}}}}\n")[0].startswith("f:1: providers.o.base_url: ")


def test_dates_and_words_are_text(write):
    text = "providers: {o: {base_url: http://h, dialect: azure, api_version: 2024-10-21}}\npreset: off\n"
    config = load(write(text)).config
    assert (config.providers["o"].api_version, config.preset) == ("2024-10-21", "off")


def test_a_bare_name_is_a_plugin_without_settings(write):
    assert load(write("plugins: [stream, defaults: {}]\n")).config.plugins == [{"stream": None}, {"defaults": {}}]


# Where strangers could spend the operator's money.

OURS = "providers: {o: {base_url: http://h, api_key: k}}\n"
THEIRS = "providers: {o: {base_url: http://h}}\n"
KEYS = "keys: {static: {alice: sk-alice}}\n"
TOKEN = "admin: {host: 0.0.0.0, token: t}\n"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
@pytest.mark.parametrize("providers", [OURS, THEIRS])
def test_loopback_is_safe(write, host, providers):
    safe_to_listen(load(write(f"server: {{host: '{host}'}}\n{providers}")))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.test", ""])
def test_beyond_loopback_our_key_needs_theirs(write, host):
    server = f"server: {{host: '{host}'}}\n"
    safe_to_listen(load(write(server + THEIRS)))
    safe_to_listen(load(write(server + OURS + KEYS)))
    with pytest.raises(ConfigError, match=r":1: server.host: listens beyond loopback with your own key for o "):
        safe_to_listen(load(write(server + OURS)))


def test_the_admin_port_beyond_loopback_needs_a_token(write):
    safe_to_listen(load(write(TOKEN)))
    safe_to_listen(load(write("admin: {host: 0.0.0.0, enabled: false}\n")))
    with pytest.raises(ConfigError, match=r":1: admin.token: is required"):
        safe_to_listen(load(write("admin: {host: 0.0.0.0}\n")))


@pytest.mark.parametrize(
    "provider",
    ["{base_url: http://h, headers: {Authorization: Bearer k}}", "{dialect: litellm, litellm_provider: bedrock}"],
)
def test_other_credentials_of_ours(write, provider):
    with pytest.raises(ConfigError):
        safe_to_listen(load(write(f"server: {{host: 0.0.0.0}}\nproviders: {{o: {provider}}}\n")))
