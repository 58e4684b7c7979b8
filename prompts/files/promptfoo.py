"""Prompts as promptfoo has them: in its configuration, in the files that it names, and in what an evaluation left.

A prompt is a text in the configuration, or a file: `.txt` (several texts between lines of three dashes), `.md` and
`.j2` (one text), `.json`, `.jsonl` and `.yaml` (a chat, where it is a list of roles with their content). Programs are
not run, and nothing is read outside of the directory. The values of tests are kept with the prompts that use them.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from prompts import template
from prompts.content import CHAT, TEXT, Content, content_of
from prompts.files.disk import MIB, decoded, entries, inside, read_bytes
from prompts.files.faults import FileFault, shown
from prompts.files.filed import FiledPrompt, FiledVersion
from prompts.files.plain_yaml import loaded
from prompts.files.slugs import slug_for
from pvc.errors import Invalid
from pvc.strict_json import InvalidJSON, strict_json

LARGEST: Final = 16 * MIB
CONFIGURATIONS: Final = ("promptfooconfig.yaml", "promptfooconfig.yml", "promptfooconfig.json")
SEPARATOR: Final = "---"
#: How many tests' values are kept with a prompt, as examples, how long each may be, and how many files one pattern may
#: mean.
MOST_EXAMPLES: Final = 20
LONGEST_EXAMPLE: Final = 10_000
MOST_FILES: Final = 10_000

_TEXTS: Final = (".txt", ".md", ".j2", ".json", ".jsonl", ".yaml", ".yml")
#: Those that are looked for where no configuration names them.
_LOOSE: Final = (".txt", ".md", ".j2", ".json")
_PROGRAMS: Final = (".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".py", ".sh", ".bash", ".rb", ".pl", ".exe", ".bat")
_ELSEWHERE: Final = re.compile(r"(langfuse|portkey|helicone)://|exec:|package:@")


@dataclass(frozen=True, slots=True)
class Draft:
    """A prompt as it was found: where, what it is called there, and its text or messages."""

    file: str
    name: str
    body: Any
    config: Any = None


def read(path: Path, *, namespace: str) -> list[FiledPrompt | FileFault]:
    """Every prompt that a configuration names, or that a file of prompts or a directory holds. Raises FileFault."""
    try:
        path = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise FileFault(str(path), "There is no such file or directory.") from error
    root = path if path.is_dir() else path.parent
    found, tests = _found(root, path)
    return [
        each if isinstance(each, FileFault) else _prompt(each, tests, namespace=namespace) for each in _numbered(found)
    ]


def _found(root: Path, path: Path) -> tuple[list[Draft | FileFault], list[Mapping[str, Any]]]:
    """Prompts as they stand, and the values of the tests beside them."""
    if path.is_dir():
        configuration = next((path / name for name in CONFIGURATIONS if (path / name).is_file()), None)
        if configuration is None:
            return _in_folder(root), []
        path = configuration
    if path.suffix in (".yaml", ".yml", ".json"):
        said = _document(root, path)
        if isinstance(said, dict):
            return _configured(root, path, said), list(_tests(said))
    return list(_of_file(root, path, Draft(str(path), "", None))), []


def _in_folder(root: Path) -> list[Draft | FileFault]:
    """The prompts of every file that may be one."""
    found: list[Draft | FileFault] = []
    for name, is_folder in entries(root, root):
        if Path(name).suffix in _LOOSE and not is_folder:
            try:
                found += _of_file(root, root / name, Draft(name, "", None))
            except FileFault as fault:
                found.append(fault)
    if not found:
        raise FileFault(str(root), f"There is no {CONFIGURATIONS[0]} in it, and no file of prompts.")
    return found


# ----------------------------------------------------------------------------- the configuration
def _configured(root: Path, path: Path, said: Mapping[str, Any]) -> list[Draft | FileFault]:
    results = said.get("results")
    if isinstance(results, dict) and isinstance(results.get("prompts"), list):
        return _evaluated(results["prompts"], str(path))
    if "prompts" not in said:
        raise FileFault(str(path), "It has no prompts: a configuration names them there.")
    found: list[Draft | FileFault] = []
    for index, entry in enumerate(_listed(root, path, said["prompts"])):
        try:
            found += _of_entry(root, path, entry, f"prompt-{index + 1}")
        except FileFault as fault:
            found.append(fault)
    return found


def _listed(root: Path, path: Path, prompts: Any) -> list[Any]:
    """Texts, names of files, or objects. Older configurations give each file its label in an object."""
    if isinstance(prompts, dict):
        return [{"id": f"file://{name}", "label": label} for name, label in prompts.items()]
    if isinstance(prompts, str) and re.fullmatch(r"file://\S+\.ya?ml", prompts):
        listed = _document(root, _path(root, prompts, str(path)))
        if isinstance(listed, list) and not _is_chat(listed):
            return listed
    return prompts if isinstance(prompts, list) else [prompts]


def _of_entry(root: Path, path: Path, entry: Any, name: str) -> Iterator[Draft | FileFault]:
    """The prompts that one entry means. Raises FileFault."""
    file = f"{path} ({name})"
    fields = entry if isinstance(entry, dict) else {"raw": entry}
    text = fields.get("raw", fields.get("id"))
    if not isinstance(text, str) or not text:
        raise FileFault(file, "A prompt is a text, the name of a file, or an object with raw or id.")
    label = fields.get("label")
    draft = Draft(file, label if isinstance(label, str) else "", text, fields.get("config"))
    if _ELSEWHERE.match(text):
        raise FileFault(file, f"{shown(text)} is kept elsewhere, or is a program. Put its text into a file.")
    if _names_a_file(root, text):
        for each in _files(root, text, file):
            yield from _of_file(root, each, draft)
    else:
        yield replace(draft, name=draft.name or name, body=_chat_or_text(text))


def _names_a_file(root: Path, text: str) -> bool:
    """Whether an entry is meant as a file: it says so, or has such a name and no spaces, or there is one."""
    if text.startswith("file://"):
        return True
    if "\n" in text or "{{" in text or len(text) > 255:
        return False
    return bool(re.fullmatch(r"\S+\.\w{1,5}(:\w+)?", text)) or (root / text).is_file()


def _files(root: Path, text: str, file: str) -> list[Path]:
    """The file that an entry names, or those that its pattern means. Raises FileFault."""
    name = text.removeprefix("file://")
    program = re.fullmatch(r"(.+?\.\w+)(:\w+)?", name)
    if program and (Path(program[1]).suffix in _PROGRAMS or program[2]):
        raise FileFault(file, f"{shown(name)} is a program, and none is run. Put the text it makes into a file.")
    if not re.search(r"[*?\[]", name):
        return [_path(root, text, file)]
    if name.startswith("/") or ".." in Path(name).parts:
        raise FileFault(file, f"{shown(name)} leads out of the directory.")
    try:
        found = sorted(each for each in root.glob(name) if each.is_file())
    except (ValueError, NotImplementedError, OSError) as error:
        raise FileFault(file, f"{shown(name)} is no pattern of files.") from error
    if not found or len(found) > MOST_FILES:
        raise FileFault(file, f"{shown(name)} means {len(found)} files; 1 to {MOST_FILES:,} are read.")
    return found


def _path(root: Path, text: str, file: str) -> Path:
    """A file below the directory. Raises FileFault."""
    path = root / text.removeprefix("file://")
    try:
        return inside(root, path)
    except FileFault as fault:
        raise FileFault(file, fault.message) from fault
    except OSError as error:
        raise FileFault(file, f"{shown(text)} cannot be read: {error.strerror}.") from error


def _evaluated(prompts: list[Any], file: str) -> list[Draft | FileFault]:
    """What an evaluation was made with: each prompt once, however many models were asked."""
    found: dict[tuple[str, str], Draft] = {}
    for index, each in enumerate(prompts, 1):
        if not isinstance(each, dict) or not isinstance(each.get("raw"), str):
            raise FileFault(file, f"Entry {index} of results.prompts has no raw text.")
        label = each.get("label")
        name = label if isinstance(label, str) and label != each["raw"] and "\n" not in label else ""
        key = (name, each["raw"])
        found.setdefault(key, Draft(file, name or f"prompt-{len(found) + 1}", _chat_or_text(each["raw"])))
    return list(found.values())


# ----------------------------------------------------------------------------- files
def _document(root: Path, path: Path) -> Any:
    text = decoded(read_bytes(root, path, most=LARGEST), path)
    return loaded(text, file=str(path), aliases=True).value


def _of_file(root: Path, path: Path, draft: Draft) -> Iterator[Draft]:
    """The prompts in a file, named by its label or by itself. Raises FileFault."""
    text = decoded(read_bytes(root, path, most=LARGEST), path).removeprefix("\ufeff")
    named = replace(draft, file=str(path), name=draft.name or path.stem)
    match path.suffix:
        case ".txt":
            texts = _separated(text)
        case ".jsonl":
            texts = [line for line in text.splitlines() if line.strip()]
        case ".md" | ".j2" | ".json":
            texts = [text]
        case ".yaml" | ".yml":
            yield replace(named, body=_chat_of_yaml(text, str(path)))
            return
        case ".csv":
            raise FileFault(str(path), "This is a table: import it with --from csv.")
        case _:
            raise FileFault(str(path), f"A prompt's file ends in one of {', '.join(_TEXTS)}.")
    for number, each in enumerate(texts, 1):
        name = f"{named.name}-{number}" if len(texts) > 1 else named.name
        is_json = path.suffix.startswith(".json")
        yield replace(named, name=name, body=_chat_or_text(each) if is_json else each)


def _separated(text: str) -> list[str]:
    """The texts between lines of three dashes, without the white space around them."""
    texts: list[list[str]] = [[]]
    for line in re.split(r"\r?\n", text):
        if line.strip() == SEPARATOR:
            texts.append([])
        else:
            texts[-1].append(line)
    return [joined for lines in texts if (joined := "\n".join(lines).strip())]


def _chat_of_yaml(text: str, file: str) -> Any:
    value = loaded(text, file=file, aliases=True).value
    if not _is_chat(value):
        raise FileFault(file, "This is no chat: a list of role and content is expected.")
    return value


def _chat_or_text(text: str) -> Any:
    """A text that is the JSON of a chat, as that chat; a template may well be no JSON before it is rendered."""
    try:
        value = strict_json(text.encode())
    except InvalidJSON:
        return text
    return value if _is_chat(value) else text


def _is_chat(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) and "role" in each for each in value)


# ----------------------------------------------------------------------------- tests
def _tests(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The values of each test, over those that all have."""
    usual = said.get("defaultTest")
    shared = usual.get("vars") if isinstance(usual, dict) else None
    tests = said.get("tests")
    for test in tests if isinstance(tests, list) else []:
        values = test.get("vars") if isinstance(test, dict) else None
        if isinstance(values, dict):
            yield {**(shared if isinstance(shared, dict) else {}), **values}


def _examples(content: Content, tests: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each test the values that the text uses, each set once."""
    used = template.analyse_body(content.parsed).variables
    found: list[dict[str, Any]] = []
    for values in tests:
        example = {name: values[name] for name in used if name in values}
        if example and example not in found and len(repr(example)) <= LONGEST_EXAMPLE:
            found.append(example)
        if len(found) == MOST_EXAMPLES:
            break
    return found


# ----------------------------------------------------------------------------- a prompt
def _numbered(found: list[Draft | FileFault]) -> list[Draft | FileFault]:
    """The same prompts; where several have one label, each has its number behind it."""
    names = Counter(each.name for each in found if isinstance(each, Draft))
    seen: Counter[str] = Counter()
    numbered: list[Draft | FileFault] = []
    for each in found:
        if isinstance(each, Draft) and names[each.name] > 1:
            seen[each.name] += 1
            numbered.append(replace(each, name=f"{each.name}-{seen[each.name]}"))
        else:
            numbered.append(each)
    return numbered


def _prompt(draft: Draft, tests: list[Mapping[str, Any]], *, namespace: str) -> FiledPrompt | FileFault:
    type_ = CHAT if isinstance(draft.body, list) else TEXT
    config = draft.config if isinstance(draft.config, dict) else {}
    try:
        slug = slug_for(draft.name, file=draft.file)
        content = content_of(type_, draft.body, {}, config, field="prompt")
    except FileFault as fault:
        return fault
    except Invalid as refused:
        return FileFault(draft.file, shown(refused.message))
    examples = _examples(content, tests)
    return FiledPrompt(
        file=draft.file,
        namespace=namespace,
        slug=slug,
        type=type_,
        versions=(FiledVersion(draft.file, 1, content),),
        described={"name": draft.name[:200], **({"metadata": {"examples": examples}} if examples else {})},
        head=1,
        formerly=draft.name if draft.name != slug else "",
        is_foreign=True,
    )
