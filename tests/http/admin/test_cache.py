import pytest

from tailrace.cache.caches import Caches
from tailrace.cache.selector import Selector
from tailrace.errors import BadRequest
from tailrace.http.admin.cache import read_selector
from tailrace.wire import jsonio


class Fake:
    def __init__(self, count):
        self.count = count
        self.purged = []

    async def statistics(self):
        return {"entries": self.count}

    async def purge(self, selector):
        self.purged.append(selector)
        return self.count


@pytest.fixture
def caches():
    made = Caches()
    made.announce("exact_cache", Fake(3))
    made.announce("semantic_cache", Fake(4))
    return made


async def test_statistics(admin, caches):
    ask = await admin(caches=caches)
    status, body = await ask("/cache")
    assert status == 200 and b"application/json" in ask.head.lower()
    assert jsonio.loads(body) == {"caches": {"exact_cache": {"entries": 3}, "semantic_cache": {"entries": 4}}}
    assert jsonio.loads((await (await admin())("/cache"))[1]) == {"caches": {}}


async def test_purge(admin, caches):
    ask = await admin(caches=caches)
    status, body = await ask("/cache/purge", method="POST", body=b'{"tag": "red"}')
    assert (status, jsonio.loads(body)) == (200, {"purged": {"exact_cache": 3, "semantic_cache": 4}, "total": 7})
    _, body = await ask("/cache/purge", method="POST", body=b'{"cache": "semantic_cache", "everything": true}')
    assert jsonio.loads(body) == {"purged": {"semantic_cache": 4}, "total": 4}
    purged = caches._caches[1][1].purged
    assert purged == [Selector(tag="red"), Selector(cache="semantic_cache", everything=True)]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/cache/purge", 405),
        ("DELETE", "/cache", 405),
        ("POST", "/cache", 405),
        ("POST", "/cache/purge/", 404),
        ("GET", "/cache/stats", 404),
    ],
)
async def test_what_is_not_there(admin, caches, method, path, status):
    ask = await admin(caches=caches)
    assert (await ask(path, method=method, body=b'{"everything": true}'))[0] == status
    assert not caches._caches[0][1].purged


async def test_a_token_is_needed(admin, caches):
    ask = await admin(caches=caches, token="t0ken")
    body = b'{"everything": true}'
    for headers in ((), ("authorization: Bearer wrong",)):
        assert (await ask("/cache/purge", *headers, method="POST", body=body))[0] == 401
        assert (await ask("/cache", *headers))[0] == 401
    assert not caches._caches[0][1].purged
    assert (await ask("/cache/purge", "authorization: Bearer t0ken", method="POST", body=body))[0] == 200


WRONG = [
    (b"", "bad_json", ""),
    (b"{", "bad_json", ""),
    (b"[]", "bad_json", ""),
    (b"null", "bad_json", ""),
    (b"{}", "nothing_selected", "everything: true"),
    (b'{"everything": false}', "nothing_selected", ""),
    (b'{"cache": "exact_cache"}', "nothing_selected", "key, tag, model"),
    (b'{"tags": "red"}', "unknown_key", "'tag'"),
    (b'{"modle": "m"}', "unknown_key", "'model'"),
    (b'{"all": true}', "unknown_key", ""),
    (b'{"tag": null}', "bad_value", "tag"),
    (b'{"tag": ["red"]}', "bad_value", "tag"),
    (b'{"model": 3}', "bad_value", "model"),
    (b'{"everything": 1}', "bad_value", "everything"),
    (b'{"everything": "true"}', "bad_value", "everything"),
    (b'{"older_than_s": -1}', "bad_value", "older_than_s"),
    (b'{"older_than_s": "5"}', "bad_value", "older_than_s"),
    (b'{"older_than_s": true}', "bad_value", "older_than_s"),
    (b'{"older_than_s": NaN}', "bad_json", ""),
    (b'{"question": "%s"}' % (b"x" * 4001), "bad_value", "question"),
]


@pytest.mark.parametrize(("body", "code", "told"), WRONG, ids=lambda part: str(part)[:40])
def test_deletions_are_not_guessed(body, code, told):
    with pytest.raises(BadRequest) as raised:
        read_selector(body)
    assert raised.value.code == code and told in str(raised.value)


@pytest.mark.parametrize(("body", "code", "told"), WRONG[::6], ids=lambda part: str(part)[:40])
async def test_mistakes_are_answered_as_400(admin, caches, body, code, told):
    ask = await admin(caches=caches)
    status, answer = await ask("/cache/purge", method="POST", body=body)
    assert status == 400 and jsonio.loads(answer)["error"]["code"] == code
    assert not caches._caches[0][1].purged


async def test_a_cache_that_is_not_there(admin, caches):
    ask = await admin(caches=caches)
    status, body = await ask("/cache/purge", method="POST", body=b'{"cache": "exact_cash", "everything": true}')
    error = jsonio.loads(body)["error"]
    assert (status, error["code"], error["param"]) == (400, "unknown_cache", "cache") and "exact_cache" in error[
        "message"
    ]


@pytest.mark.parametrize(
    ("body", "selector"),
    [
        (b'{"everything": true}', Selector(everything=True)),
        (b'{"older_than_s": 0}', Selector(older_than_s=0)),
        (b'{"older_than_s": 1.5, "model": ""}', Selector(older_than_s=1.5, model="")),
        (
            b'{"key": "k", "tag": "t", "tenant": "x", "question": "*a?"}',
            Selector(key="k", tag="t", tenant="x", question="*a?"),
        ),
    ],
)
def test_selectors(body, selector):
    assert read_selector(body) == selector


async def test_a_body_that_is_too_large(admin, caches):
    ask = await admin(caches=caches)
    status, _ = await ask("/cache/purge", method="POST", body=b'{"tag": "' + b"x" * 70_000 + b'"}')
    assert status == 413
