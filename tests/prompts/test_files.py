"""Prompts as files: YAML that changes nothing, an export's directory, files of other tools, and what is planned."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.content import CHAT, ROLES, TEXT, Content, content_of
from prompts.files import csv_table, langfuse, promptfoo
from prompts.files.faults import FileFault, shown
from prompts.files.filed import FiledPrompt, FiledVersion, first_written, own_metadata
from prompts.files.layout import FORMAT_VERSION, LARGEST_VERSION, PROMPT_NAMES, VERSION_NAMES, Place
from prompts.files.plain_yaml import MOST_VALUES, dumped, loaded
from prompts.files.plan import Ground, Present, planned
from prompts.files.reading import opened, places, read_prompt, read_version
from prompts.files.slugs import slug_for, slug_of, without_twins
from prompts.files.writing import begun, version_bytes, write_prompt

FOREIGN = Path(__file__).parent / "foreign_exports"
LANGFUSE_NAMES = ["name", "prompt", "version", "type", "config", "labels", "tags", "commitMessage", "isActive"]


def fault_of(call: Callable[[], Any]) -> str:
    """The sentence with which something is refused."""
    with pytest.raises(FileFault) as refused:
        call()
    return refused.value.message


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ----------------------------------------------------------------------------- any value
#: Words that YAML 1.1 takes for something else than a string, and texts that are hard to write as lines.
ODD = [
    *["no", "Yes", "on", "~", "null", "true", "012", "0x1F", "0o7", "1_000", "1:30", "1e3", "+1", "1.", ".5", "-"],
    *["2026-01-01", "2026-01-01T00:00:00Z", "<<", "=", ".inf", ".NaN", "---", "...", "# no", "a: b", "- a", "!!str a"],
    *["&a", "*a", "{{ x }}", "[", "%YAML 1.1", "", " ", "\n", "a\n", "a\n\n", "\na", " a\nb", "a\n \nb", "a\n\tb\n"],
    *["a\r\nb", "a\x85b\nc", "a\u2028b\nc", "\ufeffa\nb", "a\n---\nb\n", "\x7f\n\x01", "\U0001f600\nb", "a \nb "],
]
TEXTS = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
NUMBERS = st.integers(1 - 2**53, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)
NAMES = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
SCHEMAS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "number"]),
        "required": st.booleans(),
        "default": VALUES,
        "description": TEXTS,
        "enum": st.lists(VALUES, max_size=3),
    },
)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(ROLES), "content": TEXTS})
    | st.fixed_dictionaries({"placeholder": NAMES}),
    min_size=1,
    max_size=4,
)
CONTENTS = st.builds(
    content_of, st.just(TEXT), TEXTS.filter(bool), st.dictionaries(NAMES, SCHEMAS), OBJECTS
) | st.builds(content_of, st.just(CHAT), MESSAGES, st.dictionaries(NAMES, SCHEMAS), OBJECTS)


@settings(max_examples=150, deadline=None, database=None)
@given(OBJECTS)
def test_every_plain_value_is_read_as_it_was_written_here_and_by_others(value: dict[str, Any]) -> None:
    text = dumped(value)
    assert json.dumps(loaded(text, file="x").value or {}) == json.dumps(value)
    assert yaml.safe_load(text) == value or not value


def test_every_text_of_lines_and_white_space_is_read_as_it_was_written() -> None:
    texts = ["".join(each) for length in range(1, 6) for each in product("a \n\t", repeat=length)]
    value = {
        "list": [[text, {"inner": text}] for text in texts],
        "names": {f"n{i}": text for i, text in enumerate(texts)},
    }
    text = dumped(value)
    assert loaded(text, file="x").value == value
    assert "|" in text


@settings(max_examples=100, deadline=None, database=None)
@given(CONTENTS, OBJECTS, TEXTS)
def test_every_content_that_is_taken_is_the_same_after_a_file(
    tmp_path_factory: pytest.TempPathFactory, content: Content, metadata: dict[str, Any], note: str
) -> None:
    metadata = {name: value for name, value in metadata.items() if name not in ("author", "reason", "sourceCommit")}
    version = FiledVersion("", 7, content, base=3, change_note=note, metadata=metadata, provenance={"author": "bob"})
    folder = tmp_path_factory.mktemp("files")
    path = folder / "v0007"
    path.write_bytes(version_bytes(version))
    found = read_version(folder, path, 7, content.type)
    assert found.digest == content.digest
    assert (found.content.body, found.content.type) == (content.body, content.type)
    assert (found.change_note, found.base, found.provenance) == (note, 3, {"author": "bob"})
    assert json.dumps(found.metadata) == json.dumps(metadata)
    assert version_bytes(replace(found, file="")) == version_bytes(version)


def test_a_body_stands_in_its_file_byte_for_byte(tmp_path: Path) -> None:
    body = "---\nfirst: no\r\n---\r\n\ttail \u2028 without an end"
    path = tmp_path / "v0001.md"
    path.write_bytes(version_bytes(FiledVersion("", 1, content_of(TEXT, body))))
    assert path.read_bytes().endswith(b"\n---\n" + body.encode())
    assert read_version(tmp_path, path, 1, TEXT).content.body == body


def test_a_file_is_written_to_be_read() -> None:
    content = content_of(
        CHAT,
        [{"role": "system", "content": "Be kind.\n  Be brief.\n"}, {"placeholder": "history"}],
        {"issue": {"type": "string", "enum": ["no", "yes"]}},
        {"temperature": 0.2, "limit": 1e16},
    )
    text = version_bytes(FiledVersion("", 2, content, change_note="shorter", provenance={"author": "alice"})).decode()
    assert text == (
        f'number: 2\ndigest: "{content.digest}"\nauthor: "alice"\nchange_note: "shorter"\n'
        'variables:\n  issue:\n    type: "string"\n    enum: ["no", "yes"]\n'
        "config:\n  temperature: 0.2\n  limit: 1.0e+16\n"
        'messages:\n  - role: "system"\n    content: |\n      Be kind.\n        Be brief.\n  - placeholder: "history"\n'
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: no", {"a": "no"}),
        ("a: 2026-01-01", {"a": "2026-01-01"}),
        ("a: 012", {"a": "012"}),
        ("a: 0x1F", {"a": "0x1F"}),
        ("a: 1e3", {"a": 1000.0}),
        ("a: -0.5", {"a": -0.5}),
        ("a: +7", {"a": 7}),
        ("a: 9007199254740991", {"a": 2**53 - 1}),
        ("a: '9007199254740993'", {"a": "9007199254740993"}),
        ("a: True", {"a": True}),
        ("a:", {"a": None}),
        ("1: a\nno: b", {"1": "a", "no": "b"}),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
        ("a: >\n  folded\n  text\n", {"a": "folded text\n"}),
        ("", None),
    ],
)
def test_what_a_hand_writes_is_read_as_json_would_be(text: str, value: Any) -> None:
    assert json.dumps(loaded(text, file="x").value) == json.dumps(value)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + step)}: &{chr(98 + step)} [{', '.join([f'*{chr(97 + step)}'] * 10)}]\n" for step in range(8)
)
DEEP = "a: &a [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\nb: [[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("a: 1\nb: [1\nc: 2", "x:3: This is not YAML: did not find expected", id="an open list"),
        pytest.param("a: 1\n\tb: 2", "x:2: This is not YAML: found", id="a tab"),
        pytest.param("a: \x01", "x: This is not YAML: it has a character", id="a control character"),
        pytest.param("a: 1\na: 2", "x:2: “a” stands here twice.", id="a name twice"),
        pytest.param("a: &b 1\nc: *b", "x:1: Anchors and aliases", id="an anchor"),
        pytest.param("c: *b", "x:1: Anchors and aliases", id="an alias"),
        pytest.param("a: !!python/object:os.system x", "x:1: Tags are not taken", id="a tag of Python's"),
        pytest.param("a: !!binary aGk=", "x:1: Tags are not taken", id="a tag of YAML's"),
        pytest.param("a: 9007199254740993", "x:1: A whole number has 2^53 or more", id="a great number"),
        pytest.param(f"a: {'9' * 5000}", "x:1: A whole number has 2^53 or more", id="a very long number"),
        pytest.param("a: 1\nb: 1e400", "x:2: A number is too large.", id="beyond any number"),
        pytest.param("a: -.inf", "x:1: -.inf is not a JSON number.", id="infinity"),
        pytest.param("? [a]\n: 1", "x:1: A name is a text", id="a list as a name"),
        pytest.param("a: 1\n---\nb: 2", "x:2: One document is expected", id="two documents"),
        pytest.param('a: "\\0"', "x:1: A text contains a NUL", id="an escaped NUL"),
        pytest.param('a: "\\ud800"', "x:1: ", id="half a pair"),
        pytest.param("a: " + "[" * 33 + "]" * 33, "x:1: This is nested deeper than 32 levels.", id="deep"),
        pytest.param("[" * 100_000, "x:1: This is nested deeper than 32 levels.", id="endlessly deep"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_line(text: str, sentence: str) -> None:
    assert fault_of(lambda: loaded(text, file="x")).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(BOMB, f"x:6: With its aliases written out this has more than {MOST_VALUES:,} values.", id="many"),
        pytest.param(DEEP, "x:2: This is nested deeper than 32 levels.", id="deep"),
        pytest.param("a: &a [*a]", "x:1: There is no anchor a before this.", id="of itself"),
        pytest.param("&a a: 1\n*a : 2", "x:2: An alias cannot be a name.", id="as a name"),
    ],
)
def test_aliases_are_counted_where_they_are_taken(text: str, sentence: str) -> None:
    assert fault_of(lambda: loaded(text, file="x", aliases=True)) == sentence
    assert loaded("a: &a [1]\nb: [*a, *a]", file="x", aliases=True).value == {"a": [1], "b": [[1], [1]]}


def test_whoever_wrote_a_version_first_is_remembered_over_any_number_of_imports() -> None:
    written = {"author": "alice", "created_at": "2026-01-01T00:00:00.000Z"}
    version = FiledVersion("", 1, content_of(TEXT, "a"), metadata={"reason": "b"}, provenance=written)
    kept = version.kept_metadata
    assert first_written(kept, author="bob", created_at="later") == written
    assert own_metadata(kept) == {"reason": "b"}
    assert first_written({"imported": "by hand"}, author="bob", created_at="now")["author"] == "bob"
    assert own_metadata({"imported": "by hand"}) == {"imported": "by hand"}


# ----------------------------------------------------------------------------- the directory
def version(number: int, body: str = "", **parts: Any) -> FiledVersion:
    return FiledVersion("", number, content_of(TEXT, body or f"Text {number}"), **parts)


def written(root: Path, *versions: FiledVersion, slug: str = "support", **said: Any) -> Place:
    """An export with one prompt."""
    place = Place(begun(root), "default", slug)
    write_prompt(place, {"type": TEXT, **said}, versions or [version(1), version(2)])
    return place


def test_the_same_prompts_give_the_same_bytes_and_nothing_is_written_twice(tmp_path: Path) -> None:
    for name in ("one", "two"):
        written(tmp_path / name, tags={"production": 2})
    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")
    assert sorted(files_in(tmp_path / "one")) == [
        ".gitattributes",
        "default/support/prompt.yaml",
        "default/support/v0001.md",
        "default/support/v0002.md",
        "pvc-export.yaml",
    ]
    place = Place(begun(tmp_path / "one"), "default", "support")
    said = {"type": TEXT, "tags": {"production": 2}}
    assert write_prompt(place, said, [version(1), version(2)]) == (2, 0, [])
    assert write_prompt(place, said, [version(1), version(2), version(10_000)]).changed == 1
    assert (place.folder / "v10000.md").exists()


def test_an_export_deletes_nothing_and_says_what_it_does_not_know(tmp_path: Path) -> None:
    place = written(tmp_path / "export")
    (place.folder / "notes.txt").write_text("mine")
    told = write_prompt(place, {"type": TEXT}, [version(1)])
    assert [Path(each).name for each in told.strange] == ["notes.txt", "v0002.md"]
    assert (place.folder / "v0002.md").exists()


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: f"{text}More.",
        lambda _: "---\n---\nA new version, written by hand.",
        lambda text: text.replace("number: 1", "number: 1 # looked at"),
        lambda _: "no front matter",
    ],
    ids=["a changed text", "a new version", "a remark", "another file"],
)
def test_an_export_does_not_overwrite_what_somebody_has_edited(tmp_path: Path, edit: Callable[[str], str]) -> None:
    place = written(tmp_path / "export")
    path = place.folder / "v0001.md"
    path.write_text(edit(path.read_text()))
    before = path.read_bytes()
    said = fault_of(lambda: write_prompt(place, {"type": TEXT}, [version(1, "Another text")]))
    assert said == f"{path}: It was edited since it was written, and stays as it is: import it, or delete it."
    assert path.read_bytes() == before


def test_an_export_of_another_server_is_brought_up_to_date(tmp_path: Path) -> None:
    place = written(tmp_path / "export")
    assert write_prompt(place, {"type": TEXT}, [version(1, "Another text"), version(2)]).changed == 1
    assert read_version(place.root, place.folder / "v0001.md", 1, TEXT).content.body == "Another text"


def test_an_export_begins_in_an_empty_directory_or_in_an_export(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    assert "It is not empty, and no export" in fault_of(lambda: begun(tmp_path / "full"))
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    (tmp_path / "repository" / ".gitattributes").write_text("mine")
    begun(tmp_path / "repository")
    assert (tmp_path / "repository" / ".gitattributes").read_text() == "mine"
    begun(tmp_path / "repository")
    (tmp_path / "repository" / "pvc-export.yaml").write_text('format: "prompts"\nformat_version: 2\n')
    assert "format version 2" in fault_of(lambda: begun(tmp_path / "repository"))
    assert "It cannot be made" in fault_of(lambda: begun(tmp_path / "full" / "letter.txt"))


@pytest.mark.parametrize(
    "part", ["default", "default/support", "default/support/v0001.md", "default/support/prompt.yaml"]
)
def test_an_export_writes_through_no_link(tmp_path: Path, part: str) -> None:
    outside = tmp_path / "outside"
    place = written(outside)
    root = begun(tmp_path / "export")
    (root / part).parent.mkdir(parents=True, exist_ok=True)
    (root / part).symlink_to(outside / part)
    before = files_in(outside)
    said = fault_of(lambda: write_prompt(Place(root, "default", "support"), {"type": TEXT}, [version(1, "Other")]))
    assert "writes through none" in said
    assert files_in(outside) == before
    assert place.folder.is_dir()


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    said: dict[str, Any] = {
        "name": "Support",
        "description": "no",
        "variables_expected": ["issue", "issue"],
        "metadata": {"a": 1},
    }
    versions = [
        version(1, change_note="first", provenance={"author": "alice", "created_at": "2026"}),
        version(4, metadata={"reason": "shorter"}, base=1),
    ]
    written(tmp_path, *versions, **said, tier="small", archived=True, head=1, tags={"production": 4})
    (place,) = places(opened(tmp_path))
    assert isinstance(place, Place)
    found = read_prompt(place)
    assert isinstance(found, FiledPrompt)
    assert (found.name, found.type, found.tier, found.archived, found.head) == (
        "default:support",
        TEXT,
        "small",
        True,
        1,
    )
    assert found.described == {**said, "variables_expected": ["issue"]}
    assert found.tags == {"production": 4}
    assert [replace(each, file="") for each in found.versions] == versions


def test_hidden_files_and_files_beside_the_namespaces_are_left_alone(tmp_path: Path) -> None:
    place = written(tmp_path)
    (tmp_path / "README.md").write_text("About these prompts.")
    (tmp_path / ".git").mkdir()
    (place.folder / ".v0001.md.swp").write_bytes(b"\0")
    assert [read_prompt(each).file for each in places(opened(tmp_path)) if isinstance(each, Place)] == [
        str(place.prompt)
    ]


def test_a_version_that_is_new_has_no_digest_and_takes_what_is_in_it(tmp_path: Path) -> None:
    place = written(tmp_path)
    (place.folder / "v0003.md").write_text("---\nchange_note: by hand\nconfig: {temperature: 0}\n---\nText 3\n")
    found = read_prompt(place)
    assert isinstance(found, FiledPrompt)
    assert (found.versions[2].content.body, found.versions[2].change_note) == ("Text 3\n", "by hand")
    assert found.head == 3


@pytest.mark.parametrize(
    ("edit", "hint"),
    [
        (
            lambda data: data.replace(b"Text 1", b"Text one"),
            "save it under the next free number and without its digest",
        ),
        (lambda data: data.replace(b"\n", b"\r\n"), "line ends were changed to CRLF"),
        (lambda data: data + b"\n", "An end of line was added"),
        (lambda data: data.replace(b"---\nText", b"config: {a: 1}\n---\nText"), "without its digest"),
    ],
    ids=["the text", "line ends", "an end of line", "the config"],
)
def test_an_edited_version_is_refused_with_what_happened_to_it(
    tmp_path: Path, edit: Callable[[bytes], bytes], hint: str
) -> None:
    place = written(tmp_path, version(1, "Text 1\nand more"))
    path = place.folder / "v0001.md"
    path.write_bytes(edit(path.read_bytes()))
    found = read_prompt(place)
    assert isinstance(found, FileFault)
    assert found.message.startswith(f"{path}:3: The digest is not that of this content.")
    assert hint in found.message


def test_a_file_larger_than_any_version_is_not_read(tmp_path: Path) -> None:
    place = written(tmp_path)
    with (place.folder / "v0002.md").open("wb") as file:
        file.truncate(LARGEST_VERSION + 1)
    found = read_prompt(place)
    assert isinstance(found, FileFault)
    assert found.message.endswith("v0002.md: It is larger than 16 MiB, the most that is read.")


@pytest.mark.parametrize(
    ("marker", "sentence"),
    [
        (None, "There is no pvc-export.yaml in it, so it is no export."),
        ('format: "prompts"\nformat_version: 2', "pvc-export.yaml:2: This has the format version 2; 1 is the last one"),
        ('format: "prompts"\nformat_version: "1"', "pvc-export.yaml:2: format_version is a whole number from 1."),
        ('format: "photos"\nformat_version: 1', "pvc-export.yaml:1: This is no export of prompts"),
        ('format: "prompts"\nformat_version: 1\nmore: 1', "pvc-export.yaml:3: “more” is unknown"),
        ("- 1", "pvc-export.yaml: An object is expected"),
    ],
    ids=["none", "a newer one", "a text", "another", "more", "a list"],
)
def test_only_an_export_of_a_known_format_is_opened(tmp_path: Path, marker: str | None, sentence: str) -> None:
    assert FORMAT_VERSION == 1
    if marker:
        (tmp_path / "pvc-export.yaml").write_text(marker)
    assert sentence in fault_of(lambda: opened(tmp_path))
    assert "There is no such directory" in fault_of(lambda: opened(tmp_path / "nowhere"))


def test_a_name_with_strange_characters_is_shown_in_one_line(tmp_path: Path) -> None:
    root = begun(tmp_path)
    os.mkdir(os.fsencode(root) + b"/a\nb\xff\x1b[2J")  # noqa: PTH102 -- no text has this name
    (found,) = places(root)
    assert isinstance(found, FileFault)
    assert "\n" not in found.message
    assert "\x1b" not in found.message
    found.message.encode()
    assert len(shown("x" * 1000)) == 301


STRANGE = VALUES | st.sampled_from(
    [[], {}, {"a": 1}, [1], 1, 2, True, "text", "chat", {"staging": 1}, {"staging": [1]}]
)


@settings(max_examples=150, deadline=None, database=None)
@given(
    st.dictionaries(st.sampled_from(PROMPT_NAMES), STRANGE, max_size=4),
    st.dictionaries(st.sampled_from([*VERSION_NAMES, "messages"]), STRANGE, max_size=4),
)
def test_whatever_files_say_is_a_prompt_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, said: dict[str, Any], front: dict[str, Any]
) -> None:
    place = Place(tmp_path_factory.mktemp("files").resolve(), "default", "support")
    place.folder.mkdir(parents=True)
    place.prompt.write_text(dumped(said), encoding="utf-8")
    if said.get("type") == CHAT:
        (place.folder / "v0001.yaml").write_text(dumped(front), encoding="utf-8")
    else:
        (place.folder / "v0001.md").write_text(f"---\n{dumped(front)}---\nText", encoding="utf-8")
    found = read_prompt(place)
    assert isinstance(found, FiledPrompt) or found.message.startswith(str(place.folder))


@settings(max_examples=150, deadline=None, database=None)
@given(st.lists(st.dictionaries(st.sampled_from(LANGFUSE_NAMES), STRANGE, max_size=5), max_size=3), st.data())
def test_whatever_other_tools_wrote_is_prompts_or_sentences(
    tmp_path_factory: pytest.TempPathFactory, entries: list[dict[str, Any]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("files")
    (folder / "langfuse.json").write_text(json.dumps([{"name": "a", **each} for each in entries]), encoding="utf-8")
    configuration = data.draw(st.dictionaries(st.sampled_from(["prompts", "tests", "defaultTest", "results"]), STRANGE))
    (folder / "promptfooconfig.yaml").write_text(dumped(configuration), encoding="utf-8")
    for read, path in [(langfuse.read, folder / "langfuse.json"), (promptfoo.read, folder)]:
        try:
            found = read(path, namespace="default")
        except FileFault as fault:
            found = [fault]
        assert all(isinstance(each, FiledPrompt | FileFault) for each in found)


# ----------------------------------------------------------------------------- names of others
@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("support-reply", "support-reply"),
        ("-odd-", "-odd-"),
        ("movie_critic", "movie_critic"),
        ("Movie Critic", "movie-critic"),
        ("support/Reply Draft (v2)", "support-reply-draft-v2"),
        ("Réponse à l'été", "reponse-a-l-ete"),
        ("\uff26\uff35\uff2c\uff2c\u3000width", "full-width"),
        ("__private__", "private__"),
        ("Straße", "strasse"),
        ("x" * 120, "x" * 100),
    ],
)
def test_a_name_becomes_a_slug_the_same_way_every_time(name: str, slug: str) -> None:
    assert slug_for(name, file="x") == slug
    assert slug_for(slug, file="x") == slug


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("客服", "x:3: “客服” has no letter or digit of a to z; give it another name."),
        ("Templates", "x:3: name: “templates” is a route of the API; choose another name."),
        ("01890a5d-ac96-774b-bcce-b302099a8057", "x:3: name: A name cannot look like an id (UUID)."),
    ],
)
def test_a_name_that_can_be_none_is_refused(name: str, sentence: str) -> None:
    assert fault_of(lambda: slug_for(name, file="x", line=3)) == sentence
    assert slug_of("…") == ""


def test_two_names_that_become_one_are_refused_by_name() -> None:
    prompts = [
        FiledPrompt(f"file {index}", "default", "reply-draft", TEXT, (), formerly=name)
        for index, name in enumerate(["Reply Draft", "reply/draft", "reply draft"])
    ]
    first, second, third = without_twins(prompts)
    assert first is prompts[0]
    assert isinstance(second, FileFault)
    assert second.message == (
        "file 1: “reply/draft” would become default:reply-draft, as “Reply Draft” of file 0 does already."
        " Rename one of them."
    )
    assert isinstance(third, FileFault)
    other = replace(prompts[1], namespace="other")
    assert list(without_twins([first, other])) == [first, other]


# ----------------------------------------------------------------------------- Langfuse
def prompts_of(found: list[FiledPrompt | FileFault]) -> dict[str, FiledPrompt]:
    assert all(isinstance(each, FiledPrompt) for each in found), found
    return {each.slug: each for each in found if isinstance(each, FiledPrompt)}


def test_a_langfuse_export_is_read_with_its_versions_labels_and_messages() -> None:
    found = prompts_of(langfuse.read(FOREIGN / "langfuse.json", namespace="agents"))
    draft, critic = found["support-reply-draft"], found["movie_critic"]
    assert (draft.name, draft.formerly, draft.type) == ("agents:support-reply-draft", "support/Reply Draft", TEXT)
    assert [(each.number, each.change_note) for each in draft.versions] == [(2, ""), (4, "answers were too long")]
    assert draft.versions[1].content.config == {"temperature": 0.2, "model": "a-model"}
    assert draft.versions[0].provenance == {"author": "alice", "created_at": "2026-02-01T09:00:00.000Z"}
    assert draft.tags == {"production": 2, "canary": 2, "staging": 4}
    assert draft.notes == ("The label “Team B” is left out: no tag can have this name.",)
    assert draft.described == {"name": "support/Reply Draft", "metadata": {"tags": ["shop", "support"]}}
    assert critic.versions[0].content.parsed == [
        {"content": "You are a {{level}} film critic.", "role": "system"},
        {"placeholder": "history"},
        {"content": "What do you think of {{title}}?", "role": "user"},
    ]
    assert (critic.type, critic.formerly, critic.tags, critic.head) == (CHAT, "", {}, 1)


def langfuse_file(tmp_path: Path, value: Any) -> list[FiledPrompt | FileFault]:
    path = tmp_path / "prompts.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return langfuse.read(path, namespace="default")


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda each: [each],
        lambda each: {"data": [each], "meta": {}},
        lambda each: {"prompts": [each]},
        lambda each: each,
    ],
    ids=["a list", "an answer", "an object", "one prompt"],
)
def test_langfuse_prompts_are_found_however_they_were_fetched(tmp_path: Path, wrapped: Callable[[Any], Any]) -> None:
    entry = {"name": "a", "prompt": "Text {{x}}", "version": 3, "isActive": True}
    found = prompts_of(langfuse_file(tmp_path, wrapped(entry)))["a"]
    assert (found.versions[0].number, found.tags) == (3, {"production": 3})


def test_langfuse_entries_without_a_version_are_in_order_and_the_latest_is_the_newest(tmp_path: Path) -> None:
    entries = [{"name": "a", "prompt": f"Text {index}", "labels": []} for index in range(3)]
    assert [each.content.body for each in prompts_of(langfuse_file(tmp_path, entries))["a"].versions] == [
        "Text 0",
        "Text 1",
        "Text 2",
    ]
    entries[0]["labels"] = ["latest"]
    assert [each.content.body for each in prompts_of(langfuse_file(tmp_path, entries))["a"].versions] == [
        "Text 2",
        "Text 1",
        "Text 0",
    ]


def test_what_langfuse_takes_as_plain_text_is_pointed_out(tmp_path: Path) -> None:
    body = "{{ name }} {{user-name}} {% if x %}y{% endif %}"
    found = prompts_of(langfuse_file(tmp_path, [{"name": "a", "prompt": body}]))["a"]
    assert found.notes == (
        "Version 1 has {% or {#, which begin a tag or a comment here.",
        "Version 1 has {{user-name}}, which is no name: here it is an expression.",
    )


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("[", "prompts.json: The file is not JSON: Expecting value at line 1, column 2."),
        ('[{"name": "a", "name": "b", "prompt": "x"}]', "The key 'name' stands twice"),
        ('[{"name": "a", "prompt": "x", "config": {"n": 1e999}}]', "A number is too large."),
        ([], "A list of prompts is expected, each with name and prompt."),
        ([{"prompt": "x"}], "Entry 1 is no prompt: an object with a name is expected."),
        (["x"], "Entry 1 is no prompt"),
    ],
    ids=["no JSON", "a name twice", "a great number", "empty", "no name", "no object"],
)
def test_a_file_that_is_no_langfuse_export_is_refused(tmp_path: Path, value: Any, sentence: str) -> None:
    assert sentence in fault_of(lambda: langfuse_file(tmp_path, value))


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([{"prompt": 5}], "version 1: prompt: This prompt is of type text: send a string."),
        ([{"prompt": "@@@langfusePrompt:name=b|label=production@@@"}], "It refers to another prompt"),
        ([{"prompt": [{"role": "developer", "content": "x"}]}], "A role is one of"),
        ([{"prompt": "x", "config": [1]}], "config: Send an object."),
        ([{"prompt": "x", "version": 1}, {"prompt": "y", "version": 1}], "One version stands here twice."),
        ([{"prompt": "x", "version": 1}, {"prompt": "y"}], "Either all of its entries have a version"),
        ([{"prompt": "x", "version": 1}, {"prompt": [], "version": 2}], "The version before is of type text"),
    ],
    ids=["a number", "a reference", "a role", "a config", "a version twice", "a version missing", "two types"],
)
def test_one_langfuse_prompt_that_cannot_be_taken_stops_no_other(
    tmp_path: Path, entries: list[Any], sentence: str
) -> None:
    value = [*({"name": "a", **each} for each in entries), {"name": "b", "prompt": "fine", "version": 1}]
    first, second = langfuse_file(tmp_path, value)
    assert isinstance(first, FileFault)
    assert sentence in first.message
    assert "prompts.json (a)" in first.message
    assert isinstance(second, FiledPrompt)


def test_a_langfuse_list_of_names_says_that_it_has_no_texts() -> None:
    (found,) = langfuse.read(FOREIGN / "langfuse-names.json", namespace="default")
    assert isinstance(found, FileFault)
    assert "It has no prompt: this is a list of names." in found.message


# ----------------------------------------------------------------------------- promptfoo
def test_a_promptfoo_configuration_is_read_with_its_files_and_its_tests_values() -> None:
    found = promptfoo.read(FOREIGN / "promptfoo", namespace="shop")
    bodies = {each.slug: each.versions[0].content for each in found if isinstance(each, FiledPrompt)}
    assert {slug: content.body for slug, content in bodies.items() if content.type == TEXT} == {
        "prompt-1": "Translate into {{language}}:\n{{text}}",
        "greetings-1": "Greet {{ name }}.",
        "greetings-2": "Greet {{ name }} in {{ language }}.",
        "rules": "# Rules\n\n---\nBe kind to {{ name }}.\n",
        "few-shot": "{% for each in examples %}{{ each }}\n{% endfor %}Now: {{ text }}",
    }
    assert {slug: content.parsed for slug, content in bodies.items() if content.type == CHAT} == {
        "ticket-triage": [
            {"content": "You sort tickets.", "role": "system"},
            {"content": "{{ ticket }}", "role": "user"},
        ],
        "thread": [{"content": "Be brief.", "role": "system"}, {"content": "{{ text }}", "role": "user"}],
    }
    assert bodies["ticket-triage"].config == {"temperature": 0}
    by_slug = {each.slug: each for each in found if isinstance(each, FiledPrompt)}
    assert by_slug["ticket-triage"].formerly == "Ticket Triage"
    assert by_slug["prompt-1"].described["metadata"] == {
        "examples": [{"language": "French", "text": "Hello"}, {"language": "German", "text": "no"}]
    }
    assert "metadata" not in by_slug["rules"].described
    refused = [each.message for each in found if isinstance(each, FileFault)]
    assert len(refused) == 2
    assert "prompts/make.py:create is a program, and none is run." in refused[0]
    assert "langfuse://another@production is kept elsewhere" in refused[1]


def test_what_a_promptfoo_evaluation_left_has_each_prompt_once() -> None:
    found = prompts_of(promptfoo.read(FOREIGN / "promptfoo-results.json", namespace="default"))
    assert {slug: each.versions[0].content.body for slug, each in found.items()} == {
        "short": "Say {{ what }} in short.",
        "prompt-2": "Say {{ what }}.",
    }


def test_a_folder_or_file_of_prompts_needs_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("First\n---\nSecond\n")
    (tmp_path / "two.json").write_text('{"not": "a chat", "text": "{{ x }}"}')
    (tmp_path / "three.md").write_bytes(b"\xff")
    (tmp_path / "program.py").write_text("print()")
    fine = [each.slug for each in promptfoo.read(tmp_path, namespace="default") if isinstance(each, FiledPrompt)]
    assert fine == ["one-1", "one-2", "two"]
    assert list(prompts_of(promptfoo.read(tmp_path / "one.txt", namespace="default"))) == ["one-1", "one-2"]


def test_prompts_of_one_label_are_numbered(tmp_path: Path) -> None:
    (tmp_path / "promptfooconfig.yaml").write_text("prompts: [{raw: A, label: Say}, {raw: B, label: Say}, C]\n")
    assert list(prompts_of(promptfoo.read(tmp_path, namespace="default"))) == ["say-1", "say-2", "prompt-3"]


def test_promptfoo_configurations_may_keep_their_prompts_in_another_file_or_an_older_form(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A")
    (tmp_path / "list.yaml").write_text("- file://a.txt\n- raw: B\n  label: other\n")
    (tmp_path / "promptfooconfig.yaml").write_text("prompts: file://list.yaml\n")
    assert list(prompts_of(promptfoo.read(tmp_path, namespace="default"))) == ["a", "other"]
    (tmp_path / "promptfooconfig.yaml").write_text("prompts: {a.txt: Old Label}\n")
    assert list(prompts_of(promptfoo.read(tmp_path, namespace="default"))) == ["old-label"]


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("file:///etc/hostname", "leads out of the directory"),
        ("file://../secret.txt", "leads out of the directory"),
        ("file://link.txt", "leads out of the directory"),
        ("file://../*.txt", "leads out of the directory"),
        ("file:///etc/*.conf", "leads out of the directory"),
        ("file://a**b/*.txt", "is no pattern of files"),
        ("file://nothing/*.txt", "means 0 files"),
        ("file://missing.txt", "cannot be read: No such file or directory"),
        ("missing.txt", "cannot be read: No such file or directory"),
        ("exec:./run.sh", "is kept elsewhere, or is a program"),
        ("file://run.sh", "is a program, and none is run"),
        ("file://table.csv", "This is a table: import it with --from csv."),
        ("file://chat.yaml", "This is no chat"),
        ("file://pipe.txt", "This is no file."),
        ({"label": "x"}, "A prompt is a text, the name of a file"),
        (7, "A prompt is a text, the name of a file"),
    ],
    ids=str,
)
def test_a_promptfoo_entry_that_cannot_be_taken_stops_no_other(tmp_path: Path, entry: Any, sentence: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "run.sh").write_text("echo")
    (folder / "table.csv").write_text("prompt\nx\n")
    (folder / "chat.yaml").write_text("a: 1\n")
    os.mkfifo(folder / "pipe.txt")
    (folder / "promptfooconfig.json").write_text(json.dumps({"prompts": [entry, "fine"]}))
    first, second = promptfoo.read(folder, namespace="default")
    assert isinstance(first, FileFault)
    assert sentence in first.message
    assert first.message.startswith(str(folder))
    assert isinstance(second, FiledPrompt)


# ----------------------------------------------------------------------------- tables
def test_a_table_is_read_with_whatever_stands_between_its_cells() -> None:
    found = prompts_of(csv_table.read(FOREIGN / "spreadsheet.csv", namespace="shop"))
    triage, welcome = found["ticket-triage"], found["welcome"]
    assert [each.number for each in triage.versions] == [1, 3]
    assert triage.versions[0].content.body == 'Sort this ticket:\r\n{{ ticket }}; and say "why"'
    assert triage.versions[1].content.variables == {"ticket": {"type": "string", "required": True}}
    assert triage.tags == {"production": 3, "staging": 3}
    assert triage.described == {"name": "Ticket Triage", "description": "Sorts tickets"}
    assert triage.notes == ("The column “owner” is left out.",)
    assert triage.file.endswith("spreadsheet.csv:2")
    assert (welcome.formerly, welcome.versions[0].content.body) == ("", "Hello {{ name }}")


def csv_file(tmp_path: Path, text: str) -> list[FiledPrompt | FileFault]:
    path = tmp_path / "prompts.csv"
    path.write_bytes(text.encode())
    return csv_table.read(path, namespace="default")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_first_line_says_what_stands_between_cells(tmp_path: Path, delimiter: str) -> None:
    rows = [["prompt", "name", "namespace", "type"], ["Text; or, more", "a", "other", ""]]
    rows.append(['[{""role"": ""user"", ""content"": ""x""}]', "b", "", "chat"])
    text = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    found = prompts_of(csv_file(tmp_path, text))
    assert (found["a"].name, found["a"].versions[0].content.body) == ("other:a", "Text; or, more")
    assert (found["b"].name, found["b"].type) == ("default:b", CHAT)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "prompts.csv:1: The first line names the columns"),
        ("name,text\na,b\n", "prompts.csv:1: The first line names the columns"),
        ("name,prompt,template\na,b,c\n", "prompts.csv:1: Two columns say the content"),
        ("name,prompt\n", "prompts.csv: There are no rows"),
        ("name,prompt\na,b\nc\n", "prompts.csv:3: This row has 1 cells, and there are 2 columns."),
        ('name,prompt\n"a"b,c\n', "prompts.csv:2: This is not CSV"),
        ('name,prompt\na,"b\n\nc', "prompts.csv:2: This is not CSV: unexpected end of data."),
        (f"name,prompt\na,{'x' * 200_000}\n", "prompts.csv:2: This is not CSV: field larger than field limit"),
        ("name,prompt\na,b\0\n", "prompts.csv:2: A text contains a NUL character."),
    ],
    ids=["empty", "no content", "twice", "no rows", "a short row", "quotes", "open", "long", "NUL"],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in fault_of(lambda: csv_file(tmp_path, text))


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("!!!,x,,,,", "prompts.csv:2: “!!!” has no letter or digit"),
        (",x,,,,", "prompts.csv:2: “” has no letter or digit"),
        ("a,,,,,", "prompts.csv:2: content: The text has 0 characters"),
        ("a,x,one,,,", "prompts.csv:2: The version is a whole number from 1"),
        ("a,x,,Live,,", "prompts.csv:2: “Live” is no tag's name."),
        ("a,x,,,{,", "prompts.csv:2: What the column variables holds is not JSON"),
        ("a,x,,,[1],", "prompts.csv:2: variables: Send an object."),
        ("a,x,,,,picture", "prompts.csv:2: type is text or chat."),
        ("a,x,,,,chat", "prompts.csv:2: What the column content holds is not JSON"),
    ],
    ids=["a name", "no name", "no text", "a version", "a tag", "no JSON", "no object", "a type", "no chat"],
)
def test_one_row_that_cannot_be_taken_stops_no_other(tmp_path: Path, row: str, sentence: str) -> None:
    first, second = csv_file(tmp_path, f"name,prompt,version,tags,variables,type\n{row}\nfine,x,,,,\n")
    assert isinstance(first, FileFault)
    assert sentence in first.message
    assert isinstance(second, FiledPrompt)


def test_rows_of_one_name_contradict_each_other_by_line(tmp_path: Path) -> None:
    heading = "name,prompt,version,tags,type\n"
    for rows, sentence in [
        ("a,x,1,,\na,y,1,,\n", "prompts.csv:3: Version 1 of “a” stands here twice."),
        ("a,x,1,live,\na,y,2,live,\n", "prompts.csv:3: live points at two versions of “a”."),
        ("a,x,1,,\na,[],2,,chat\n", "prompts.csv:3: The prompt is of type text, for good."),
    ]:
        (found,) = csv_file(tmp_path, heading + rows)
        assert isinstance(found, FileFault)
        assert sentence in found.message


# ----------------------------------------------------------------------------- plans
def filed(*bodies: str, numbers: list[int] | None = None, **fields: Any) -> FiledPrompt:
    versions = [version(number, body) for number, body in zip(numbers or range(1, 100), bodies, strict=False)]
    return FiledPrompt("prompt.yaml", "default", "support", TEXT, tuple(versions), **fields)


def digest(body: str) -> str:
    return content_of(TEXT, body).digest


def there(*bodies: str, **fields: Any) -> Present:
    """A prompt that has these versions."""
    numbers = {digest(body): number for number, body in enumerate(bodies, 1)}
    said = {"name": "support", "description": "", "metadata": {}, "variables_expected": []}
    usual: dict[str, Any] = {
        "type": TEXT,
        "is_archived": False,
        "described": said,
        "tier": None,
        "tags": {},
        "head": None,
    }
    return Present(**{**usual, "last_number": len(bodies), "numbers": numbers, **fields})


OPEN = Ground(0, frozenset({"draft", "staging", "production"}))
GUARDED = Ground(1, OPEN.allowed_tags)
WRITE = frozenset({"prompts:write"})
PROMOTE = WRITE | {"prompts:promote"}


def test_a_prompt_that_is_not_there_is_made_with_its_numbers() -> None:
    plan = planned(filed("a", "b", tags={"staging": 2}, head=2), OPEN, None, scopes=WRITE)
    assert (plan.action, plan.numbers, plan.head, plan.notes) == ("create", {1: 1, 2: 2}, digest("b"), ())
    assert [(each.tag, each.now_at, each.to) for each in plan.tags] == [("staging", None, 2)]


def test_a_prompt_that_is_there_as_the_files_say_stays() -> None:
    present = there("a", "b", tags={"staging": digest("b")}, head=digest("b"))
    plan = planned(filed("a", "b", tags={"staging": 2}, head=2), GUARDED, present, scopes=WRITE)
    assert (plan.action, plan.seals, plan.tags, plan.changes) == ("unchanged", (), (), [])


def test_what_is_new_is_appended_and_what_is_there_is_kept() -> None:
    present = there("x", "a", tags={"production": digest("x"), "draft": digest("a")})
    plan = planned(filed("a", "b", tags={"production": 2}), OPEN, present, scopes=PROMOTE)
    assert plan.action == "change"
    assert [each.number for each in plan.seals] == [2]
    assert plan.numbers == {1: 2, 2: 3}
    assert [(each.tag, each.now_at, each.to) for each in plan.tags] == [("production", 1, 3)]
    assert plan.notes == ("Version 1 of the files is version 2 here.", "Version 2 of the files is version 3 here.")


def test_gaps_close_and_a_content_is_sealed_once() -> None:
    plan = planned(filed("a", "b", "a", numbers=[1, 3, 7], tags={"draft": 7}), OPEN, None, scopes=WRITE)
    assert plan.numbers == {1: 1, 3: 2, 7: 1}
    assert plan.notes == (
        "Version 3 of the files is version 2 here.",
        "Version 7 of the files holds the same as version 1: one is kept.",
    )
    assert [(each.tag, each.to) for each in plan.tags] == [("draft", 1)]


def test_production_takes_approvals_through_staging() -> None:
    files = filed("a", "b", tags={"production": 1, "staging": 2})
    plan = planned(files, GUARDED, None, scopes=WRITE)
    assert [(each.tag, each.to) for each in plan.tags] == [("staging", 1)]
    (note,) = plan.notes
    assert note == (
        "production takes approvals in default: version 1 waits for them in staging."
        " Version 2, which the files have there, is not put there."
    )
    live = there("a", "b", tags={"production": digest("a")})
    assert [(each.tag, each.to) for each in planned(files, GUARDED, live, scopes=WRITE).tags] == [("staging", 2)]
    waiting = there("a", "b", tags={"staging": digest("a")})
    assert planned(files, GUARDED, waiting, scopes=WRITE).action == "unchanged"


def test_production_moves_before_staging() -> None:
    plan = planned(filed("a", tags={"draft": 1, "staging": 1, "production": 1}), OPEN, None, scopes=PROMOTE)
    assert [each.tag for each in plan.tags] == ["production", "draft", "staging"]


@pytest.mark.parametrize(
    ("files", "ground", "present", "sentence"),
    [
        (
            filed("a"),
            OPEN,
            there("a", type=CHAT),
            "default:support is of type chat here, and of type text in the files.",
        ),
        (filed("a", "b"), OPEN, there("a", is_archived=True), "default:support is archived here and takes nothing new"),
        (filed("a", tags={"canary": 1}), OPEN, None, "default has no tag “canary”; list it"),
        (filed("a", tags={"production": 1}), OPEN, None, "Moving production takes prompts:promote."),
        (
            filed("a", archived=True),
            OPEN,
            there("a", tags={"production": digest("a")}),
            "Archiving what is in production takes prompts:promote.",
        ),
        (
            filed("a", tags={"production": 1}),
            GUARDED,
            there("a", rejected=frozenset({digest("a")})),
            "Version 1 was rejected, which is final; staging cannot be moved there.",
        ),
        (
            filed("a", "b", tags={"staging": 2}),
            GUARDED,
            there("a", "b", tags={"staging": digest("a")}, others_in_staging=1),
            "Version 1, by somebody else, is in pre-production",
        ),
    ],
    ids=["type", "archived", "tag", "production", "archiving", "rejected", "staging"],
)
def test_what_cannot_be_done_is_refused_with_nothing_else_in_the_plan(
    files: FiledPrompt, ground: Ground, present: Present | None, sentence: str
) -> None:
    plan = planned(files, ground, present, scopes=WRITE)
    assert plan.refusal is not None
    assert plan.refusal.startswith(sentence)
    assert (plan.action, plan.does_something) == ("refused", present is None)
    shown_ = plan.as_dict()
    assert (shown_["versions"], shown_["tags"], shown_["changes"], shown_["known"]) == ([], [], [], 0)


def test_what_is_archived_on_both_sides_is_left_alone() -> None:
    assert planned(filed("a", archived=True), OPEN, there("a", is_archived=True), scopes=WRITE).action == "unchanged"
    plan = planned(filed("a"), OPEN, there("a", is_archived=True), scopes=WRITE)
    assert (plan.action, plan.notes) == ("unchanged", ("It is archived here, and stays so.",))
    assert planned(filed("a", archived=True), OPEN, there("a"), scopes=WRITE).changes == ["archived"]


def test_what_a_prompt_says_of_itself_changes_only_where_files_say_otherwise() -> None:
    files = filed("a", described={"description": "new", "metadata": {}}, tier="small")
    ground = replace(OPEN, tiers=frozenset({"small"}))
    plan = planned(files, ground, there("a"), scopes=WRITE)
    assert (plan.described, plan.tier, plan.changes) == ({"description": "new"}, "small", ["description", "tier"])
    without = planned(files, OPEN, there("a"), scopes=WRITE)
    assert (without.tier, without.notes) == (None, ("There is no budget tier “small” in default; it is left out.",))
    assert planned(files, ground, there("a", tier="small"), scopes=WRITE).tier is None


def test_another_tools_file_describes_what_is_made_and_its_labels_are_no_demand() -> None:
    files = filed("a", described={"description": "new"}, head=1, tags={"canary": 1, "staging": 1}, is_foreign=True)
    made = planned(files, OPEN, None, scopes=WRITE)
    assert (made.described, made.head) == ({"description": "new"}, digest("a"))
    assert made.notes == ("The label “canary” is left out: default has no such tag.",)
    known = planned(files, OPEN, there("a", tags={"staging": digest("a")}), scopes=WRITE)
    assert (known.action, known.changes) == ("unchanged", [])
