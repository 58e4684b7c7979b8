"""The main job: make a prompt, a version, tag it production, render it."""

from tests.factories import Client, json_of


def test_a_prompt_is_made_versioned_tagged_and_rendered(as_admin: Client) -> None:
    made = as_admin.post("/prompts", {"name": "support", "template": "Help with: {{ issue }}"})
    assert made.status_code == 201
    prompt = json_of(made)
    version = as_admin.post(f"/prompts/{prompt['id']}/versions", {"content": "As a senior, help with: {{ issue }}"})
    assert version.status_code == 201
    assert json_of(version)["number"] == 2
    tagged = as_admin.post(f"/prompts/{prompt['id']}/tags/production", {"versionId": json_of(version)["id"]})
    assert tagged.status_code == 200
    rendered = as_admin.post("/prompts/support/render", {"variables": {"issue": "a login"}})
    assert rendered.status_code == 200
    assert json_of(rendered)["rendered"] == "As a senior, help with: a login"
