"""GET /prompts/{ref}/diff."""

from tests.factories import Client, json_of


def test_two_versions_are_compared_by_number_and_by_id(as_admin: Client) -> None:
    prompt = json_of(as_admin.post("/prompts", {"name": "greeting", "template": "Always answer politely.\nBe brief."}))
    second = json_of(as_admin.post("/prompts/greeting/versions", {"content": "Never answer politely.\nBe brief."}))
    by_number = json_of(as_admin.get("/prompts/greeting/diff?fromVersion=1&toVersion=2"))
    first = prompt["latestVersion"]["id"]
    assert by_number == json_of(as_admin.get(f"/prompts/greeting/diff?fromVersion={first}&toVersion={second['id']}"))
    assert (by_number["fromVersion"], by_number["toVersion"]) == (1, 2)
    modified, unchanged = by_number["sections"]
    assert modified == {
        "type": "modified",
        "value": "Never answer politely.",
        "oldValue": "Always answer politely.",
        "lineStart": 1,
        "lineEnd": 1,
        "newLineStart": 1,
        "newLineEnd": 1,
        "words": [
            {"type": "removed", "value": "Always "},
            {"type": "added", "value": "Never "},
            {"type": "equal", "value": "answer politely."},
        ],
    }
    assert (unchanged["type"], unchanged["lineStart"], unchanged["newLineEnd"]) == ("unchanged", 2, 2)
    assert by_number["semanticImpact"] == by_number["impact"]["level"] == "major"
    assert by_number["impact"]["score"] >= 0.5
    assert by_number["impact"]["reasons"][0]["rule"] == "polarity"
    assert by_number["impact"]["reasons"][0]["line"] == 1
