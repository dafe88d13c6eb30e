from hashlib import sha256

import pytest


async def test_an_upload_is_counted_and_hashed(client, sim):
    content = bytes(range(256)) * 4000
    made = await client.files.create(file=("data.jsonl", content), purpose="batch")
    assert (made.bytes, made.filename, made.purpose) == (len(content), "data.jsonl", "batch")
    assert made.sha256 == sha256(content).hexdigest()
    (entry,) = sim.journal.entries()
    assert (entry["body"], entry["body_bytes"], entry["body_sha256"]) == (None, len(content), made.sha256)


@pytest.mark.parametrize("size", [0, 1, 65_536, 1_000_000])
async def test_content_is_as_long_as_its_name_says(http, size):
    async with http.get(f"/v1/files/file-bytes-{size}/content") as answer:
        assert answer.headers["content-type"] == "application/octet-stream"
        assert len(await answer.read()) == size


async def test_an_upload_without_a_file_is_refused(http):
    async with http.post("/v1/files", json={"purpose": "batch"}) as answer:
        assert answer.status == 400


async def test_speech_is_binary(client):
    answer = await client.audio.speech.create(model="tts-1", voice="alloy", input="hello there")
    assert len(answer.content) == 11 * 1200
